import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { startChildProcess } from './child-process.ts'
import { acquireRunLock, AlreadyRunningError } from './run-lock.ts'
import { identifyProcess, readRunRecord, writeRunRecord } from './run-record.ts'

const url = 'http://127.0.0.1:5000'
const log = (): void => {}

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'launcher-lock-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const startSleeper = () =>
  startChildProcess({
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    logPath: join(dataDir, 'sleeper.log'),
  })

test('a second run is told where the first one is', async () => {
  const lock = await acquireRunLock({ dataDir, url, log })
  await assert.rejects(acquireRunLock({ dataDir, url, log }), (err: Error) => {
    assert.ok(err instanceof AlreadyRunningError)
    assert.ok(err.message.includes(`Menagerie runs here already: ${url} (process ${process.pid})`))
    return true
  })
  await lock.release()
  await (await acquireRunLock({ dataDir, url, log })).release()
  await assert.rejects(access(join(dataDir, 'run.json')), { code: 'ENOENT' })
})

test('children are on record, the latest of each name', async () => {
  const lock = await acquireRunLock({ dataDir, url, log })
  const children = [await startSleeper(), await startSleeper()]
  for (const { pid } of children) lock.recordChild('worker-1', pid)
  // A record that comes later is written later: once this one is on disk, both of the above have been.
  lock.recordChild('self', process.pid)
  const recordPath = join(dataDir, 'run.json')
  while (!(await readFile(recordPath, 'utf8')).includes('"self"')) await new Promise(setImmediate)
  const record = await readRunRecord(recordPath)
  assert.deepEqual(
    record?.children.map(({ name, pid }) => ({ name, pid })),
    [
      { name: 'worker-1', pid: children[1]?.pid },
      { name: 'self', pid: process.pid },
    ],
  )
  await Promise.all(children.map((child) => child.stop()))
  await lock.release()
})

test('what a killed run left is stopped, and a process that only has its number is not', async () => {
  const [left, stranger] = [await startSleeper(), await startSleeper()]
  const recorded = await identifyProcess('worker-1', left.pid)
  assert.ok(recorded)
  await writeRunRecord(join(dataDir, 'run.json'), {
    url,
    launcher: { name: 'launcher', pid: stranger.pid, identity: 'of a process that is gone' },
    children: [recorded, { name: 'gateway', pid: stranger.pid, identity: 'of a process that is gone' }],
  })
  const lines: string[] = []
  const lock = await acquireRunLock({ dataDir, url, log: (line) => lines.push(line) })
  assert.deepEqual(await left.exited, { code: null, signal: 'SIGTERM' })
  assert.deepEqual(lines, [`Stopping worker-1 (process ${left.pid}), left behind by a run that was killed`])
  assert.notEqual(await identifyProcess('stranger', stranger.pid), undefined)
  await stranger.stop()
  await lock.release()
})

test('the lock of a killed run is taken over', async () => {
  const holder = `
    import { acquireRunLock } from '${new URL('run-lock.js', import.meta.url).href}'
    await acquireRunLock({ dataDir: process.argv[1], url: '${url}', log: () => {} })
    console.log('locked')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder, dataDir])
  await once(child.stdout, 'data')
  await assert.rejects(acquireRunLock({ dataDir, url, log }), new RegExp(`process ${child.pid}`))
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await acquireRunLock({ dataDir, url, log })).release()
})
