import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTurns } from './turns.ts'

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('one task runs at a time, in the order in which they came', async () => {
  const takeTurn = createTurns()
  const log: string[] = []
  const run = (name: string) =>
    takeTurn(async () => {
      log.push(`${name} begins`)
      await nextTurn()
      log.push(`${name} ends`)
      return name
    })
  assert.deepEqual(await Promise.all([run('a'), run('b')]), ['a', 'b'])
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends'])
})

test('a task that fails fails for whoever handed it in, and the next one has its turn', async () => {
  const takeTurn = createTurns()
  const failing = takeTurn(() => Promise.reject(new Error('no')))
  const next = takeTurn(async () => 'yes')
  await assert.rejects(failing, { message: 'no' })
  assert.equal(await next, 'yes')
})

test('a signal ends the wait for a turn at once, and the next one still waits for whoever runs', async () => {
  const takeTurn = createTurns()
  const log: string[] = []
  let end: () => void = assert.fail
  const running = takeTurn(() => new Promise<void>((resolve) => (end = resolve)))
  const controller = new AbortController()
  const leaving = takeTurn(async () => log.push('left, and ran'), controller.signal)
  const next = takeTurn(async () => log.push('next'))
  const reason = new Error('hand back')
  controller.abort(reason)
  await assert.rejects(leaving, reason)
  await nextTurn()
  assert.deepEqual(log, [])
  end()
  await Promise.all([running, next])
  assert.deepEqual(log, ['next'])
  await assert.rejects(
    takeTurn(() => assert.fail('it ran'), controller.signal),
    reason,
  )
})
