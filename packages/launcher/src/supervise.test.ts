import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startChildProcess, type ManagedProcess } from './child-process.ts'
import { readProcessIdentity } from './process-identity.ts'
import { supervise, type SuperviseOptions } from './supervise.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'launcher-supervise-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const startScript = async (source: string): Promise<ManagedProcess> => {
  const script = join(dir, 'script.mjs')
  await writeFile(script, source)
  return await startChildProcess({
    command: process.execPath,
    args: [script],
    logPath: join(dir, 'log'),
    detached: true,
  })
}

/** The supervisor under test, what it logged, and an event for each start. */
const createSupervised = async (start: SuperviseOptions['start']) => {
  const lines: string[] = []
  const starts = new EventEmitter()
  const pids: number[] = []
  const supervised = await supervise({
    name: 'worker-1',
    start,
    logPath: join(dir, 'log'),
    log: (line) => lines.push(line),
    onStart: (pid) => {
      pids.push(pid)
      starts.emit('start')
    },
    firstDelayMs: 1,
    longestDelayMs: 4,
  })
  return { supervised, lines, starts, pids }
}

const waitForLog = async (text: string): Promise<void> => {
  while (!(await readFile(join(dir, 'log'), 'utf8')).includes(text)) await sleep(10)
}

const STAY = 'setInterval(() => {}, 1000); console.log("up")'

test('a process that dies is started again, with a line that says how it died and where its log is', async () => {
  const { supervised, lines, starts, pids } = await createSupervised(() => startScript(STAY))
  try {
    const restarted = once(starts, 'start')
    supervised.kill('SIGKILL')
    await restarted
    assert.equal(supervised.deaths(), 1)
    assert.deepEqual(lines, [
      `worker-1 died (signal SIGKILL); starting it again in 0.001 s; its log: ${join(dir, 'log')}`,
    ])
    assert.notEqual(pids[1], pids[0])
  } finally {
    await supervised.stop()
  }
  assert.deepEqual(await Promise.all(pids.map(readProcessIdentity)), [undefined, undefined])
})

test('the delay grows to its limit while it keeps dying', async () => {
  const { supervised, lines, starts } = await createSupervised(() => startScript('process.exit(3)'))
  while (supervised.deaths() < 5) await once(starts, 'start')
  await supervised.stop()
  const delays = lines.map((line) => /\(exit code 3\); starting it again in ([\d.]+) s/.exec(line)?.[1])
  assert.deepEqual(delays.slice(0, 5), ['0.001', '0.002', '0.004', '0.004', '0.004'])
})

test('a start that fails is tried again', async () => {
  let starts = 0
  const created = await createSupervised(() => {
    starts += 1
    return starts === 2 ? Promise.reject(new Error('no memory')) : startScript(STAY)
  })
  const restarted = once(created.starts, 'start')
  created.supervised.kill('SIGKILL')
  await restarted
  await created.supervised.stop()
  assert.equal(starts, 3)
  assert.ok(created.lines.includes('worker-1 could not be started again: no memory'))
})

test('a process that does not heed SIGTERM is killed, and not started again', async () => {
  const { supervised, lines, pids } = await createSupervised(() =>
    startScript(`process.on('SIGTERM', () => console.log('no')); ${STAY}`),
  )
  await waitForLog('up')
  await supervised.stop(50)
  assert.deepEqual(lines, [])
  assert.deepEqual(await Promise.all(pids.map(readProcessIdentity)), [undefined])
})

test('stop while it waits to start again ends the waiting', async () => {
  const supervised = await supervise({
    name: 'worker-1',
    start: () => startScript('process.exit(3)'),
    logPath: join(dir, 'log'),
    log: () => {},
    firstDelayMs: 2 ** 30,
    longestDelayMs: 2 ** 30,
  })
  while (supervised.deaths() === 0) await sleep(10)
  await supervised.stop()
  assert.equal(supervised.deaths(), 1)
})

test('a command that cannot be run is an error of the first start', async () => {
  const missing = { command: '/no/such/command', args: [], logPath: join(dir, 'log') }
  await assert.rejects(
    createSupervised(() => startChildProcess(missing)),
    { code: 'ENOENT' },
  )
})
