// The table of docs/api.md names tests that exist: each row's file has a test with that title.
import { REPO_ROOT } from '@menagerie/harness/paths'
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const read = (path: string): string => readFileSync(join(REPO_ROOT, path), 'utf8')

interface Row {
  call: string
  title: string
  path: string
}

const rows = Array.from(
  read('docs/api.md').matchAll(/^\| (.+?) \| .+? \| (.+?) \| \[[\w.-]+\]\(\.\.\/(.+?)\) \|$/gm),
  ([, call = '', title = '', path = '']): Row => ({ call, title, path }),
)

/** Whether a source has a test of this title; a title may have parts that are filled in. */
const hasTest = (source: string, title: string): boolean =>
  Array.from(source.matchAll(/\btest\(\s*(['"`])(.+?)\1/g)).some(([, , written = '']) => {
    const parts = written.split(/\$\{[^}]*\}/)
    const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.+')
    return new RegExp(`^${pattern}$`).test(title)
  })

test('docs/api.md has a row for each way of waiting', () => {
  const calls = new Set(rows.flatMap(({ call }) => call.match(/[A-Z]+ \/[^` ?]*/g) ?? []))
  for (const call of [
    'POST /',
    'POST /v1/predictions',
    'GET /v1/predictions/{id}',
    'GET /v1/predictions/{id}/events',
  ]) {
    assert.ok(calls.has(call), call)
  }
  const table = read('docs/api.md').match(/^\| .*\.test\.ts\) \|$/gm) ?? []
  assert.equal(rows.length, table.length, 'every row with a test can be read')
})

for (const { call, title, path } of rows) {
  test(`${path} has the test of ${call}: ${title}`, () => {
    assert.ok(existsSync(join(REPO_ROOT, path)), path)
    assert.ok(hasTest(read(path), title), `${path} has no test “${title}”`)
  })
}

test('every call of docs/openapi.json is in docs/api.md', () => {
  const text = read('docs/api.md')
  const { paths } = JSON.parse(read('docs/openapi.json')) as { paths: Record<string, object> }
  const isTold = (path: string): boolean =>
    text.includes(path) ||
    path.startsWith('/v1/dead-letter') ||
    path.startsWith('/v2/models/{model}/versions/')
  assert.deepEqual(
    Object.keys(paths).filter((path) => !isTold(path)),
    [],
  )
})
