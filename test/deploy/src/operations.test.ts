// The guide for operators names every error code once, and nothing that there is not: settings, files, scripts.
import { ERRORS } from '@menagerie/contract/errors'
import { GatewaySettings } from '@menagerie/gateway/config'
import { REPO_ROOT } from '@menagerie/harness/paths'
import { WorkerSettings } from '@menagerie/worker/config'
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { findSchemaFaults } from './kubernetes-schemas.ts'
import { MANIFESTS_DIR, type KubernetesObject } from './kustomize.ts'

const read = (path: string): string => readFileSync(join(REPO_ROOT, path), 'utf8')
const guide = read('docs/operations.md')

const listMatches = (pattern: RegExp, text = guide): string[] =>
  Array.from(text.matchAll(pattern), ([, match]) => match ?? '')

test('each error code has its place under “Error codes”, and one alone', () => {
  const [, section = ''] = guide.split('\n## Error codes\n')
  // In a table, the codes that a row is for are in its first cell; a list has nothing but codes.
  const lines = section.split('\n').map((line) => (line.startsWith('| ') ? (line.split('|')[1] ?? '') : line))
  const named = listMatches(/`([a-z]+(?:_[a-z]+)+)`/g, lines.join('\n'))
  const codes = named.filter((name) => name !== 'request_id')
  assert.deepEqual(codes.toSorted(), Object.keys(ERRORS).toSorted())
})

// Read by Node, not by us.
const OTHER_NAMES = new Set(['UV_THREADPOOL_SIZE'])

test('each setting that is named exists', () => {
  const names = listMatches(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)
  assert.ok(names.length > 30, String(names.length))
  const settings = { ...GatewaySettings.properties, ...WorkerSettings.properties }
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(settings, name) && !OTHER_NAMES.has(name)),
    [],
  )
})

test('each file and each script in a command exists', () => {
  const commands = listMatches(/```sh\n([^]*?)```/g).join('\n')
  // secrets.env is made of its example by the reader.
  const paths = listMatches(/(deploy\/[\w./-]*\w)/g, commands).filter(
    (path) => !path.endsWith('/secrets.env'),
  )
  assert.ok(paths.length > 5)
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(REPO_ROOT, path))),
    [],
  )
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  assert.deepEqual(
    listMatches(/`pnpm ([\w:]+)`/g).filter((name) => !Object.hasOwn(scripts, name)),
    [],
  )
})

test('the pod that puts a copy back is valid', async () => {
  const pod = parse(
    readFileSync(join(MANIFESTS_DIR, 'tools', 'restore-pod.yaml'), 'utf8'),
  ) as KubernetesObject
  assert.deepEqual(await findSchemaFaults([pod]), [])
})
