/**
 * `pnpm test [part-of-a-path …]`: runs the compiled tests of the whole repository, or those whose path has one of
 * the parts in it, against one private Redis that keeps nothing. Its address is in TEST_REDIS_URL. Those in
 * test/containers, which build images and need a Docker engine, run only when they are asked for.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { startTestRedis } from './redis.ts'

const repoRoot = join(import.meta.dirname, '..', '..', '..')
const CONCURRENCY = 2

const listFolders = async (parent: string): Promise<string[]> =>
  (await readdir(join(repoRoot, parent))).map((name) => join(repoRoot, parent, name, 'dist'))

const listTests = async (dist: string): Promise<string[]> => {
  const names = await readdir(dist, { recursive: true }).catch(() => [])
  return names.filter((name) => name.endsWith('.test.js')).map((name) => join(dist, name))
}

const ON_DEMAND = 'test/containers/'

const findTests = async (filters: string[]): Promise<string[]> => {
  const folders = (await Promise.all(['apps', 'packages', 'test'].map(listFolders))).flat()
  folders.push(join(repoRoot, 'bench', 'dist'))
  const tests = (await Promise.all(folders.map(listTests))).flat()
  return tests
    .map((path) => relative(repoRoot, path))
    .filter((path) =>
      filters.length === 0 ? !path.startsWith(ON_DEMAND) : filters.some((filter) => path.includes(filter)),
    )
    .toSorted()
}

const runTests = async (tests: string[]): Promise<number> => {
  const redis = await startTestRedis()
  try {
    const options = [
      '--enable-source-maps',
      '--test',
      `--test-concurrency=${CONCURRENCY}`,
      '--test-reporter=spec',
    ]
    const runner = spawn(process.execPath, [...options, ...tests], {
      cwd: repoRoot,
      stdio: 'inherit',
      env: { ...process.env, TEST_REDIS_URL: redis.url },
    })
    // A Ctrl-C reaches the runner by itself; here it only must not end this process before Redis is stopped.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => runner.kill(signal))
    await once(runner, 'exit')
    return runner.exitCode ?? 1
  } finally {
    await redis.stop()
  }
}

const filters = process.argv.slice(2).filter((argument) => argument !== '--')
const tests = await findTests(filters)
if (tests.length === 0) console.error(`No compiled test matches: ${filters.join(' ') || '(all)'}`)
process.exitCode = tests.length === 0 ? 1 : await runTests(tests)
