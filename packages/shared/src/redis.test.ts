/**
 * Guarantee: whoever has a client waiting learns at once that Redis is away; whoever waits for work waits until it
 * is back; and an outage is one line in the log, not one per attempt.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { createConsumerRedis, createProducerRedis, type RedisConnection } from './redis.ts'
import { createLogCollector } from './testing/log-collector.ts'
import { createRedisProcess, skipWithoutRedisServer } from './testing/redis-process.ts'
import { readTestRedisUrl } from './testing/test-redis.ts'

const skip = skipWithoutRedisServer

/** Unlike `once` it does not reject when the connection meets errors on the way. */
const waitFor = (redis: RedisConnection, event: string): Promise<void> =>
  new Promise((resolve) => redis.once(event, () => resolve()))

const setUp = async (t: TestContext) => {
  const server = await createRedisProcess()
  const connections: RedisConnection[] = []
  t.after(async () => {
    for (const connection of connections) connection.disconnect()
    await server.remove()
  })
  const { log, lines } = createLogCollector()
  const connect = (create: typeof createProducerRedis, name: string): RedisConnection => {
    const redis = create({ url: server.url, name, log })
    connections.push(redis)
    return redis
  }
  return { server, lines, connect }
}

test('both kinds reach a server by its URL, under the name they were given', async (t) => {
  const { log } = createLogCollector()
  for (const create of [createProducerRedis, createConsumerRedis]) {
    const redis = create({ url: readTestRedisUrl(process.env), name: 'test-connection', log })
    t.after(() => redis.quit())
    await once(redis, 'ready')
    assert.equal(await redis.client('GETNAME'), 'test-connection')
  }
})

test('a producer is refused while Redis is away, and served again once it is back', { skip }, async (t) => {
  const { server, connect } = await setUp(t)
  await server.start()
  const redis = connect(createProducerRedis, 'producer')
  await waitFor(redis, 'ready')
  await redis.set('before', '1')

  const closed = waitFor(redis, 'close')
  await server.kill('SIGKILL')
  await closed
  const order: string[] = []
  redis.on('close', () => order.push('tried to connect again'))
  await assert.rejects(redis.set('meanwhile', '1'))
  await assert.rejects(redis.multi().set('meanwhile', '1').exec())
  order.push('refused twice')
  await waitFor(redis, 'close')
  assert.equal(order[0], 'refused twice')

  const ready = waitFor(redis, 'ready')
  await server.start()
  await ready
  assert.equal(await redis.set('after', '1'), 'OK')
  assert.equal(await redis.get('meanwhile'), null)
})

test('a producer is refused when Redis was never there', { skip }, async (t) => {
  const { connect } = await setUp(t)
  await assert.rejects(connect(createProducerRedis, 'producer').ping())
})

test('a command under way when Redis dies is refused, not sent again', { skip }, async (t) => {
  const { server, connect } = await setUp(t)
  await server.start()
  const redis = connect(createProducerRedis, 'producer')
  await waitFor(redis, 'ready')
  const blocked = redis.blpop('nothing-comes', 0)
  const refused = assert.rejects(blocked)
  await server.kill('SIGKILL')
  await refused
})

test(
  'a producer gives up on a Redis that does not answer, and on the connection to it',
  { skip },
  async (t) => {
    const { server, connect } = await setUp(t)
    await server.start()
    const redis = connect(createProducerRedis, 'producer')
    await waitFor(redis, 'ready')
    await server.kill('SIGSTOP')
    const closed = waitFor(redis, 'close')
    await assert.rejects(redis.ping(), /timed out/i)
    await closed
  },
)

test('a consumer waits for a Redis that is not there, and then gets its answer', { skip }, async (t) => {
  const { server, connect } = await setUp(t)
  const redis = connect(createConsumerRedis, 'consumer')
  const order: string[] = []
  const answer = redis.set('key', '1').then((reply) => order.push(reply ?? 'nothing'))
  await waitFor(redis, 'reconnecting')
  await waitFor(redis, 'reconnecting')
  order.push('started')
  await server.start()
  await answer
  assert.deepEqual(order, ['started', 'OK'])
})

test('a consumer’s blocked command lives through a restart of Redis', { skip }, async (t) => {
  const { server, connect } = await setUp(t)
  await server.start()
  const consumer = connect(createConsumerRedis, 'consumer')
  await waitFor(consumer, 'ready')
  const item = consumer.blpop('work', 0)
  const ready = waitFor(consumer, 'ready')
  await server.kill('SIGKILL')
  await server.start()
  await ready
  const producer = connect(createProducerRedis, 'producer')
  await waitFor(producer, 'ready')
  await producer.rpush('work', 'item')
  assert.deepEqual(await item, ['work', 'item'])
})

test('an outage is one line, and so is its end; the next outage is a line again', { skip }, async (t) => {
  const { server, lines, connect } = await setUp(t)
  const redis = connect(createConsumerRedis, 'consumer')
  for (let attempt = 0; attempt < 4; attempt++) await waitFor(redis, 'reconnecting')
  assert.deepEqual(
    lines.map(({ msg, connection }) => [msg, connection]),
    [['redis connection error', 'consumer']],
  )

  const ready = waitFor(redis, 'ready')
  await server.start()
  await ready
  await server.kill('SIGKILL')
  await waitFor(redis, 'reconnecting')
  await waitFor(redis, 'reconnecting')
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['redis connection error', 'redis connection is back', 'redis connection error'],
  )
})

test('a connection that never failed says nothing', { skip }, async (t) => {
  const { server, lines, connect } = await setUp(t)
  await server.start()
  const redis = connect(createConsumerRedis, 'consumer')
  await waitFor(redis, 'ready')
  await redis.quit()
  assert.deepEqual(lines, [])
})
