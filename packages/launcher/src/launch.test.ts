import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { findFreePort } from './free-port.ts'
import { launch } from './launch.ts'
import { readProcessIdentity } from './process-identity.ts'
import { readRunRecord } from './run-record.ts'
import { loadSettings, type Env, type Settings } from './settings.ts'

// The apps' promises to the launcher, and nothing else of them: `/readyz`, `POST /`, and an end on SIGTERM.
const GATEWAY = `
import { createServer } from 'node:http'
import { appendFileSync } from 'node:fs'
const order = (line) => appendFileSync(new URL('../../../order.log', import.meta.url), line + '\\n')
order('gateway up ' + /^whsec_/.test(process.env.WEBHOOK_SECRET) + ' ' + process.env.REDIS_URL.startsWith('redis://'))
createServer((req, res) => {
  req.resume()
  if (req.url === '/') res.statusCode = Number(process.env.ANSWER_STATUS ?? 200)
  res.end('{"class_id":"n02486410","class_name":"baboon"}\\n')
}).listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => { order('gateway down'); process.exit(0) })`
const WORKER = `
import { createServer } from 'node:http'
import { appendFileSync } from 'node:fs'
const order = (line) => appendFileSync(new URL('../../../order.log', import.meta.url), line + '\\n')
createServer((req, res) => res.end()).listen(Number(process.env.PROBE_PORT), '127.0.0.1')
process.on('SIGTERM', () => { order('worker down'); process.exit(0) })`
const DYING = `console.error('this worker has no model'); process.exit(7)`

let repoRoot: string
let settings: Settings
let lines: string[]
let events: EventEmitter
let stopping: AbortController

beforeEach(async () => {
  repoRoot = await mkdtemp(join(tmpdir(), 'launcher-launch-'))
  await writeApp('gateway', GATEWAY)
  await writeApp('worker', WORKER)
  await mkdir(join(repoRoot, 'models', 'densenet-121'), { recursive: true })
  await writeFile(join(repoRoot, 'models', 'densenet-121', 'model.onnx'), 'weights of the owner')
  settings = loadSettings(
    { PORT: String(await findFreePort()), WORKERS: '2', MODEL_DIR: join(repoRoot, 'models') },
    repoRoot,
  )
  lines = []
  events = new EventEmitter()
  stopping = new AbortController()
})
afterEach(() => rm(repoRoot, { recursive: true, force: true }))

const writeApp = async (name: string, source: string): Promise<void> => {
  await mkdir(join(repoRoot, 'apps', name, 'dist'), { recursive: true })
  await writeFile(join(repoRoot, 'apps', name, 'package.json'), '{"type":"module"}')
  await writeFile(join(repoRoot, 'apps', name, 'dist', 'main.js'), source)
}

const start = (options: { once?: boolean; env?: Env } = {}) =>
  launch({
    settings,
    env: { PATH: process.env['PATH'], ...options.env },
    repoRoot,
    once: options.once ?? false,
    log: (line) => {
      lines.push(line)
      events.emit('line', line)
    },
    signal: stopping.signal,
    force: new AbortController().signal,
  })

const waitForLine = async (pattern: RegExp): Promise<void> => {
  while (!lines.some((line) => pattern.test(line))) await once(events, 'line')
}

const readChildPids = async (): Promise<number[]> =>
  ((await readRunRecord(join(repoRoot, '.data', 'run.json')))?.children ?? []).map(({ pid }) => pid)

test('once: everything comes up, the samples are answered, and everything is gone', async () => {
  assert.deepEqual(await start({ once: true }), { pictures: 1, answered: 1 })
  const url = `http://127.0.0.1:${settings.port}`
  assert.ok(lines.includes(`ready ${url}`))
  assert.ok(lines.includes('baboon.png'))
  assert.match(lines.join('\n'), /No pictures in .*\n {2}baboon\.png from the npm package baboon-image/)
  await assert.rejects(fetch(url), TypeError)
  assert.deepEqual((await readFile(join(repoRoot, 'order.log'), 'utf8')).trim().split('\n'), [
    'gateway up true true',
    'gateway down',
    'worker down',
    'worker down',
  ])
})

test('once: a picture that the service refuses counts as not answered', async () => {
  assert.deepEqual(await start({ once: true, env: { ANSWER_STATUS: '500' } }), { pictures: 1, answered: 0 })
})

test('it serves until told to stop; meanwhile a second start is refused and a dead worker replaced', async () => {
  const running = start()
  await waitForLine(/^\nServing on/)
  await assert.rejects(start(), /Menagerie runs here already: http:\/\/127\.0\.0\.1:\d+ \(process \d+\)/)

  const before = await readChildPids()
  assert.equal(before.length, 4)
  const [, , worker] = before
  assert.ok(worker)
  process.kill(worker, 'SIGKILL')
  await waitForLine(
    /^worker-1 died \(signal SIGKILL\); starting it again in 0\.5 s; its log: .*worker-1\.log$/,
  )
  while ((await readChildPids()).includes(worker)) await new Promise(setImmediate)

  const after = await readChildPids()
  stopping.abort(new Error('enough'))
  assert.deepEqual(await running, { pictures: 1, answered: 1 })
  const alive = await Promise.all([...before, ...after].map(readProcessIdentity))
  assert.deepEqual(new Set(alive), new Set([undefined]))
})

test('a worker that cannot start ends the launch with its last words', async () => {
  await writeApp('worker', DYING)
  await assert.rejects(start(), (err: Error) => {
    assert.match(err.message, /^worker-[12] died 3 times\. Its last words/)
    assert.match(err.message, /this worker has no model/)
    return true
  })
})

test('a stop before it is ready stops what was started', async () => {
  await writeApp('gateway', 'setInterval(() => {}, 1000)')
  const running = start()
  await waitForLine(/^Starting the gateway/)
  let pids = await readChildPids()
  // The line comes first, the process a moment later.
  while (pids.length === 0) pids = await readChildPids()
  stopping.abort(new Error('enough'))
  await assert.rejects(running, new Error('enough'))
  assert.deepEqual(new Set(await Promise.all(pids.map(readProcessIdentity))), new Set([undefined]))
})

test('a port that is taken is an error before anything is started', async () => {
  const other = createServer().listen(settings.port, '127.0.0.1')
  await once(other, 'listening')
  await assert.rejects(
    start(),
    /^Error: Port \d+ cannot be used: another program has it\. Choose another one/,
  )
  assert.deepEqual(lines, [])
  other.close()
})

test('an unknown model is an error that names the known ones', async () => {
  settings = { ...settings, model: 'resnet-9000' }
  await assert.rejects(start(), /unknown model "resnet-9000"; known are: .*densenet-121/)
})
