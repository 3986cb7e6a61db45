import { AppError } from '@menagerie/contract/errors'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guardRedis } from './guard-redis.ts'

const failWith = (thrown: unknown) =>
  guardRedis(async () => {
    throw thrown
  })

test('passes a result on', async () => {
  assert.equal(await guardRedis(async () => 7), 7)
})

test('a full Redis is queue_full', async () => {
  const cause = new Error("OOM command not allowed when used memory > 'maxmemory'.")
  await assert.rejects(failWith(cause), { code: 'queue_full', cause })
})

test('anything else that goes wrong is queue_unavailable, and keeps its cause', async () => {
  const cause = new Error('connect ECONNREFUSED')
  await assert.rejects(failWith(cause), { code: 'queue_unavailable', cause })
  await assert.rejects(failWith('a text'), { code: 'queue_unavailable' })
})

test('an error that already has a code stays what it is', async () => {
  const error = new AppError('model_not_found', 'no such model')
  await assert.rejects(failWith(error), (thrown) => thrown === error)
})
