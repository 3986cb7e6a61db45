// What the documents point at exists: every error code has its row, and every link in them leads to a file.
import { ERRORS } from '@menagerie/contract/errors'
import { REPO_ROOT } from '@menagerie/harness/paths'
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const read = (path: string): string => readFileSync(join(REPO_ROOT, path), 'utf8')

test('docs/failure-modes.md has one row per error code, with its status', () => {
  const rows = read('docs/failure-modes.md').matchAll(/^\| `([a-z_]+)` \| (\d+) \|/gm)
  const documented = Array.from(rows, ([, code, status]) => [code, Number(status)])
  const expected = Object.entries(ERRORS).map(([code, { status }]) => [code, status])
  assert.deepEqual(
    new Map(documented as Array<[string, number]>),
    new Map(expected as Array<[string, number]>),
  )
  assert.equal(documented.length, expected.length)
})

const documents = [
  ...readdirSync(REPO_ROOT).filter((name) => name.endsWith('.md')),
  ...['docs', 'bench', 'data'].flatMap((folder) =>
    readdirSync(join(REPO_ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
]

for (const document of documents) {
  test(`every link in ${document} leads somewhere`, () => {
    const targets = Array.from(
      read(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g),
      ([, target]) => target ?? '',
    )
    const broken = targets
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => !existsSync(join(REPO_ROOT, dirname(document), target)))
    assert.deepEqual(broken, [])
  })
}

test('docs/security.md names tests that exist, by their file and their title', () => {
  const rows = read('docs/security.md')
    .split('\n')
    .filter((line) => /^\| (?!threat \||who \||---)/.test(line))
  const missing: string[] = []
  let titles = 0
  for (const row of rows) {
    let source = ''
    // A title belongs to the file that is named last before it.
    for (const [, target, title] of row.matchAll(/\]\(\.\.\/([^)]+\.test\.ts)\)|“([^”]+)”/g)) {
      if (target !== undefined) source = read(target)
      else if (title !== undefined && !source.includes(title)) missing.push(title)
      if (title !== undefined) titles += 1
    }
  }
  assert.deepEqual(missing, [])
  assert.ok(titles > 30, String(titles))
})

test('each threat in docs/security.md has a test', () => {
  const sections = read('docs/security.md').split('\n## ')
  const rows = sections
    .filter((section) => section.includes('| threat |'))
    .flatMap((section) => section.split('\n').filter((line) => /^\| (?!threat \|)\w/.test(line)))
  assert.ok(rows.length > 30, String(rows.length))
  assert.deepEqual(
    rows.filter((row) => !row.includes('.test.ts')),
    [],
  )
})
