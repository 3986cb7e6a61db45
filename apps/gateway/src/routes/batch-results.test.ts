import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getBatch, getResults, makeFiles, makePicture, submitBatch } from '../testing/batches.ts'
import { failWith, makeReturnValue, startFakeWorker, type Answer } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { startPrivateRedis } from '../testing/private-redis.ts'
import { openRawClient } from '../testing/raw-client.ts'
import { readLines } from '../testing/read-lines.ts'
import { expectProblem } from '../testing/requests.ts'

/** Answers each picture when the test says so, by the name of its file. */
const createGates = () => {
  const open = new Map<string, () => void>()
  const opened = new Map<string, Promise<void>>()
  const gate = (name: string): Promise<void> => {
    const known = opened.get(name)
    if (known !== undefined) return known
    const promise = new Promise<void>((resolve) => open.set(name, resolve))
    opened.set(name, promise)
    return promise
  }
  const answer: Answer = async (job) => {
    await gate(job.data.upload.filename ?? '')
    return makeReturnValue()
  }
  return {
    answer,
    open(name: string): void {
      void gate(name)
      open.get(name)?.()
    },
  }
}

test('a line comes as soon as its item and all before it have ended, and the stream ends with the last', async (t) => {
  const gateway = await openTestGateway(t)
  const gates = createGates()
  await startFakeWorker(t, gateway, { answer: gates.answer, concurrency: 4 })
  const batch = await submitBatch(gateway, makeFiles(4))
  const reader = await readLines(batch.urls.results)
  const seen = () => reader.lines().map(({ index }) => index)

  gates.open('2.jpg')
  await waitUntil(
    'the third has ended',
    async () => (await getBatch(gateway, batch.id)).counts.succeeded === 1,
  )
  assert.deepEqual(seen(), [])
  gates.open('0.jpg')
  await waitUntil('the first is there', () => seen().length === 1)
  gates.open('1.jpg')
  await waitUntil('the second and the third are there', () => seen().length === 3)
  assert.equal((await getBatch(gateway, batch.id)).status, 'processing')
  gates.open('3.jpg')
  await reader.ended
  assert.deepEqual(seen(), [0, 1, 2, 3])
  assert.equal((await getBatch(gateway, batch.id)).status, 'completed')
})

test('two gateways: what one accepted the other shows, with the same lines', async (t) => {
  const first = await openTestGateway(t)
  const second = await openTestGateway(t, first.env)
  const batch = await submitBatch(first, makeFiles(20))
  const reader = await readLines(`${second.url}/v1/batches/${batch.id}/results`)
  await startFakeWorker(t, first, { concurrency: 5 })
  await reader.ended
  assert.deepEqual(reader.lines(), await getResults(first, batch.id))
  assert.deepEqual(
    reader.lines().map(({ index }) => index),
    Array.from({ length: 20 }, (_, i) => i),
  )
})

test('after goes on behind a line', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const { id } = await submitBatch(gateway, makeFiles(4))
  const all = await getResults(gateway, id)
  assert.deepEqual(await getResults(gateway, id, '?after=1'), all.slice(2))
  assert.deepEqual(await getResults(gateway, id, '?after=3'), [])
})

test('who leaves stops nothing', async (t) => {
  const gateway = await openTestGateway(t)
  const batch = await submitBatch(gateway, makeFiles(3))
  const reader = await readLines(batch.urls.results)
  reader.leave()
  await startFakeWorker(t, gateway)
  assert.deepEqual(
    (await getResults(gateway, batch.id)).map(({ status }) => status),
    ['succeeded', 'succeeded', 'succeeded'],
  )
})

test('a gateway that stops ends the stream in good order, and another one goes on with it', async (t) => {
  const doomed = await openTestGateway(t)
  const other = await openTestGateway(t, doomed.env)
  const gates = createGates()
  await startFakeWorker(t, other, { answer: gates.answer, concurrency: 3 })
  const batch = await submitBatch(doomed, makeFiles(3))
  const reader = await readLines(batch.urls.results)
  gates.open('0.jpg')
  await waitUntil('the first is there', () => reader.lines().length === 1)
  await doomed.close()
  await reader.ended
  assert.equal(reader.lines().length, 1)
  for (const name of ['1.jpg', '2.jpg']) gates.open(name)
  const rest = await getResults(other, batch.id, '?after=0')
  assert.deepEqual(
    rest.map(({ index, status }) => [index, status]),
    [
      [1, 'succeeded'],
      [2, 'succeeded'],
    ],
  )
})

test('while Redis is away the stream stays open, and goes on when it is back', async (t) => {
  const server = await startPrivateRedis(t, { durable: true })
  const gateway = await openTestGateway(t, { REDIS_URL: server.url })
  const batch = await submitBatch(gateway, makeFiles(2))
  const reader = await readLines(batch.urls.results)
  server.kill('SIGSTOP')
  await waitUntil('Redis is missed', async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  server.kill('SIGCONT')
  await startFakeWorker(t, gateway)
  await reader.ended
  assert.equal(reader.lines().length, 2)
})

test('a client that does not read is not waited for, and holds up nobody else', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { concurrency: 50 })
  const { id } = await submitBatch(gateway, makeFiles(300))
  const idle = await openRawClient(t, gateway.url)
  idle.socket.pause()
  idle.send(`GET /v1/batches/${id}/results HTTP/1.1\r\nhost: x\r\n\r\n`)
  assert.equal((await getResults(gateway, id)).length, 300)
})

test('a line says why its item failed', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it is damaged') })
  const { id } = await submitBatch(gateway, [['a.jpg', makePicture(1)]])
  const [line] = await getResults(gateway, id)
  assert.equal(line?.status, 'failed')
  assert.deepEqual(line?.error, { code: 'image_undecodable', message: 'it is damaged' })
  assert.equal(line?.output, null)
})

test('a prediction that was deleted is gone, and the batch goes on', async (t) => {
  const gateway = await openTestGateway(t)
  const { id, items } = await submitBatch(gateway, makeFiles(2))
  const url = `${gateway.url}/v1/predictions/${items[0]?.prediction_id}`
  assert.equal((await fetch(url, { method: 'DELETE' })).status, 204)
  await startFakeWorker(t, gateway)
  const results = await getResults(gateway, id)
  assert.deepEqual(
    results.map(({ status, error }) => [status, error?.code ?? null]),
    [
      ['gone', 'prediction_not_found'],
      ['succeeded', null],
    ],
  )
  assert.equal((await getBatch(gateway, id)).counts.gone, 1)
})

test('a batch that does not exist has no results', async (t) => {
  const gateway = await openTestGateway(t)
  for (const id of ['no-such', '11111111-2222-4333-8444-555555555555']) {
    await expectProblem(await fetch(`${gateway.url}/v1/batches/${id}/results`), 'batch_not_found')
  }
  const wrong = await fetch(`${gateway.url}/v1/batches/x/results?after=-1`)
  await expectProblem(wrong, 'request_invalid')
})
