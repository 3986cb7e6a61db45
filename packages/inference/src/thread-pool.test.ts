import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { AppError } from '@menagerie/contract/errors'
import type { ModelInput } from '@menagerie/contract/model-manifest'
import { MOBILENET_INPUT } from './testing/fixtures.ts'
import { CHANNEL_MEANS, encodeTinyModel } from './testing/tiny-model.ts'
import { createThreadPool } from './thread-pool.ts'

const dir = await mkdtemp(join(tmpdir(), 'menagerie-threads-'))
after(() => rm(dir, { recursive: true }))

const MODEL = join(dir, 'channel-means.onnx')
await writeFile(MODEL, encodeTinyModel(CHANNEL_MEANS))

/** The logits are the mean of each channel, from 0 to 1. */
const INPUT: ModelInput = { ...MOBILENET_INPUT, resize: 8, crop: 8, mean: [0, 0, 0], std: [1, 1, 1] }

const open = async (t: TestContext, threads: number) => {
  const pool = await createThreadPool({ modelPath: MODEL, input: INPUT }, { threads })
  t.after(() => pool.close())
  return pool
}

/** Every thread that is started from now on, until the test ends. */
const noteWorkers = (t: TestContext): Worker[] => {
  const workers: Worker[] = []
  const keep = (worker: Worker) => workers.push(worker)
  process.on('worker', keep)
  t.after(() => process.off('worker', keep))
  return workers
}

/** An 8 × 8 picture of one colour. */
const paint = (...colour: number[]): Uint8Array =>
  Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => colour[i % 3] ?? 0)

/** A different picture for each number, as many as one likes. */
const paintNumber = (i: number): Uint8Array => paint((i * 37) % 256, (i * 91) % 256, (i * 151) % 256)

test('a warm pool knows its model and answers with classes in order', async (t) => {
  const pool = await open(t, 1)
  assert.equal(pool.classCount, 3)
  assert.ok(pool.warmUpMs > 0)
  const { topK, predictMs } = await pool.predict(paint(0, 255, 51), 2)
  // Softmax of the logits 0, 1 and 0.2
  assert.deepEqual(topK, [
    [1, 0.550295],
    [2, 0.247263],
  ])
  assert.ok(predictMs > 0)
})

test('many at once, on several threads, get the answers they get one by one', async (t) => {
  const pool = await open(t, 3)
  const numbers = Array.from({ length: 60 }, (_, i) => i)
  const together = await Promise.all(numbers.map((i) => pool.predict(paintNumber(i), 3)))
  for (const i of numbers) {
    const alone = await pool.predict(paintNumber(i), 3)
    assert.deepEqual(together[i]?.topK, alone.topK, `picture ${i}`)
  }
})

test('one thread answers first what came first', async (t) => {
  const pool = await open(t, 1)
  const order: number[] = []
  const numbers = Array.from({ length: 20 }, (_, i) => i)
  await Promise.all(numbers.map((i) => pool.predict(paintNumber(i), 1).then(() => order.push(i))))
  assert.deepEqual(order, numbers)
})

test('a signal ends the wait for a thread, and not a run', async (t) => {
  const pool = await open(t, 1)
  const controller = new AbortController()
  const running = pool.predict(paintNumber(1), 3, controller.signal)
  const leaving = pool.predict(paintNumber(2), 3, controller.signal)
  const next = pool.predict(paintNumber(3), 3)
  const reason = new Error('hand back')
  controller.abort(reason)
  await assert.rejects(leaving, reason)
  assert.equal((await running).topK.length, 3)
  assert.deepEqual((await next).topK, (await pool.predict(paintNumber(3), 3)).topK)
})

test('pixels are handed over, not copied: the caller’s array is empty', async (t) => {
  const pool = await open(t, 1)
  const pixels = paint(1, 2, 3)
  const result = pool.predict(pixels, 1)
  assert.equal(pixels.length, 0)
  await result
})

test('a prediction that fails is an inference_failed, and the thread goes on', async (t) => {
  const pool = await open(t, 1)
  const outcomes = await Promise.allSettled([
    pool.predict(paint(255, 0, 0), 1),
    pool.predict(new Uint8Array(5), 1),
    pool.predict(paint(0, 0, 255), 1),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.topK[0]?.[0] : outcome.status)),
    [0, 'rejected', 2],
  )
  const [, failed] = outcomes
  const reason: unknown = failed.status === 'rejected' ? failed.reason : null
  assert.ok(reason instanceof AppError)
  assert.deepEqual([reason.code, reason.message], ['inference_failed', 'the model failed on this image'])
  // For the log only: what a library says is not for clients.
  assert.match(String(reason.cause), /expected 192 bytes/)
})

test('logits that are no numbers are a failure, never an answer', async (t) => {
  const modelPath = join(dir, 'log.onnx')
  await writeFile(modelPath, encodeTinyModel({ ...CHANNEL_MEANS, operators: ['GlobalAveragePool', 'Log'] }))
  // Black, with which a thread warms up, is one; white is below zero and has no logarithm.
  const input: ModelInput = { ...INPUT, scale: -1, mean: [-1, -1, -1] }
  const pool = await createThreadPool({ modelPath, input }, { threads: 1 })
  t.after(() => pool.close())
  assert.deepEqual((await pool.predict(paint(0, 0, 0), 1)).topK, [[0, 0.333333]])
  await assert.rejects(pool.predict(paint(255, 255, 255), 1), { code: 'inference_failed' })
})

test('a thread that dies fails its task, is told of and replaced', async (t) => {
  const workers = noteWorkers(t)
  const lost: Error[] = []
  const options = { threads: 1, onThreadLost: (error: Error) => lost.push(error) }
  const pool = await createThreadPool({ modelPath: MODEL, input: INPUT }, options)
  t.after(() => pool.close())

  // It is idle: ending a thread within a run would end the whole process.
  const ended = workers[0]?.terminate()
  const handedToTheDying = pool.predict(paint(255, 0, 0), 1)
  const waitingBehind = pool.predict(paint(0, 255, 0), 1)
  await assert.rejects(handedToTheDying, { code: 'inference_failed' })
  await ended
  assert.equal((await waitingBehind).topK[0]?.[0], 1)
  assert.equal(lost.length, 1)
  assert.equal(workers.length, 2)
})

test('closing while the only thread is being replaced fails what waits, and ends', async (t) => {
  const workers = noteWorkers(t)
  const pool = await open(t, 1)
  await workers[0]?.terminate()
  const waiting = pool.predict(paint(255, 0, 0), 1)
  await Promise.all([assert.rejects(waiting, { code: 'inference_failed' }), pool.close()])
  assert.equal(workers.length, 1)
})

test('a session on several threads answers as one on a single thread', async (t) => {
  const workers = noteWorkers(t)
  const options = { modelPath: MODEL, input: INPUT, intraOpThreads: 2 }
  const pool = await createThreadPool(options, { threads: 1 })
  t.after(() => pool.close())
  const single = await open(t, 1)
  for (const i of [1, 2, 3]) {
    const { topK } = await pool.predict(paintNumber(i), 3)
    assert.deepEqual(topK, (await single.predict(paintNumber(i), 3)).topK)
  }
  assert.equal(workers.length, 2)
})

test('closing waits for what was handed in, and takes nothing more', async (t) => {
  const pool = await open(t, 2)
  const order: string[] = []
  const runs = Array.from({ length: 10 }, (_, i) =>
    pool.predict(paintNumber(i), 1).then(() => order.push('run')),
  )
  const closed = pool.close().then(() => order.push('closed'))
  await assert.rejects(pool.predict(paint(0, 0, 0), 1), /closed/)
  await Promise.all([...runs, closed])
  assert.deepEqual(order, [...runs.map(() => 'run'), 'closed'])
})

test('a model that cannot be loaded fails the start, and the error names the file', async () => {
  const modelPath = join(dir, 'garbage.onnx')
  await writeFile(modelPath, 'this is not a model')
  await assert.rejects(createThreadPool({ modelPath, input: INPUT }, { threads: 2 }), /garbage\.onnx/)
})

test('a model of another size than the manifest says fails the start, with both shapes', async () => {
  const setup = { modelPath: MODEL, input: MOBILENET_INPUT }
  await assert.rejects(createThreadPool(setup, { threads: 1 }), /\[N, 3, 8, 8\].*\[N, 3, 224, 224\]/)
})

test('a class that is no answer is still a rival', async (t) => {
  const setup = { modelPath: MODEL, input: INPUT, classes: { first: 0, last: 1 } }
  const pool = await createThreadPool(setup, { threads: 1 })
  t.after(() => pool.close())
  const { topK, rival } = await pool.predict(paint(100, 0, 200), 3)
  assert.deepEqual(
    topK.map(([index]) => index),
    [0, 1],
  )
  assert.equal(rival?.[0], 2)
  assert.ok((rival?.[1] ?? 0) > (topK[0]?.[1] ?? 1))
})
