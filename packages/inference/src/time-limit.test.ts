import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '@menagerie/contract/errors'
import { createTimeLimit } from './time-limit.ts'

const LONG_MS = 60_000

/** A task that ends when it is told to. */
const createTask = () => {
  let end = (): void => {}
  let isStarted = false
  const ended = new Promise<void>((resolve) => (end = resolve))
  return {
    run: async () => {
      isStarted = true
      await ended
      return 'done'
    },
    end: () => end(),
    isStarted: () => isStarted,
  }
}

const isDecodeTimeout = (error: unknown): boolean =>
  error instanceof AppError &&
  error.code === 'decode_timeout' &&
  error.message === 'the image was not decoded within 0.005 s'

test('what ends in time gives its result, and its own error', async () => {
  const limitTime = createTimeLimit(1)
  assert.equal(await limitTime(async () => 7, LONG_MS), 7)
  const error = new Error('broken')
  await assert.rejects(
    limitTime(() => Promise.reject(error), LONG_MS),
    error,
  )
  assert.equal(await limitTime(async () => 8, LONG_MS), 8)
})

test('what hangs is given up, and keeps its slot until it ends', async () => {
  const limitTime = createTimeLimit(1)
  const [hanging, next] = [createTask(), createTask()]
  const failing = limitTime(hanging.run, 5)
  // Waits for longer than its own limit, which does not run before it does.
  const waiting = limitTime(next.run, LONG_MS)
  await assert.rejects(failing, isDecodeTimeout)
  await new Promise(setImmediate)
  assert.equal(next.isStarted(), false)
  hanging.end()
  await new Promise(setImmediate)
  assert.equal(next.isStarted(), true)
  next.end()
  assert.equal(await waiting, 'done')
})

test('time spent waiting for a slot does not count', async () => {
  const limitTime = createTimeLimit(1)
  const slow = createTask()
  const first = limitTime(slow.run, LONG_MS)
  const second = limitTime(async () => 'in time', 5)
  await new Promise((resolve) => setTimeout(resolve, 25))
  slow.end()
  assert.deepEqual(await Promise.all([first, second]), ['done', 'in time'])
})

test('as many run as there are slots, and the rest in order', async () => {
  const limitTime = createTimeLimit(2)
  const tasks = Array.from({ length: 4 }, createTask)
  const results = tasks.map((task) => limitTime(task.run, LONG_MS))
  const readStarted = async (): Promise<boolean[]> => {
    await new Promise(setImmediate)
    return tasks.map((task) => task.isStarted())
  }
  assert.deepEqual(await readStarted(), [true, true, false, false])
  tasks[1]?.end()
  assert.deepEqual(await readStarted(), [true, true, true, false])
  for (const task of tasks) task.end()
  assert.deepEqual(await Promise.all(results), ['done', 'done', 'done', 'done'])
})

test('a task that fails after it was given up disturbs nobody', async () => {
  const limitTime = createTimeLimit(1)
  let fail: (error: Error) => void = assert.fail
  const late = new Promise<never>((_resolve, reject) => (fail = reject))
  await assert.rejects(
    limitTime(() => late, 5),
    isDecodeTimeout,
  )
  // The runner fails the test on an unhandled rejection.
  fail(new Error('late'))
  assert.equal(await limitTime(async () => 'fine', LONG_MS), 'fine')
})

test('a signal ends the wait for a slot and the wait for the task, at once', async () => {
  const limitTime = createTimeLimit(1)
  const task = createTask()
  const next = createTask()
  const controller = new AbortController()
  const running = limitTime(task.run, LONG_MS, controller.signal)
  const waiting = limitTime(next.run, LONG_MS, controller.signal)
  const reason = new Error('hand back')
  controller.abort(reason)
  await assert.rejects(running, reason)
  await assert.rejects(waiting, reason)
  await assert.rejects(limitTime(next.run, LONG_MS, controller.signal), reason)
  task.end()
  // The slot is free again, and those who left the line have not taken it.
  assert.equal(await limitTime(async () => 7, LONG_MS), 7)
  assert.equal(next.isStarted(), false)
})
