import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createKeys } from '../keys.ts'
import { useTestRedis } from '../testing/test-redis.ts'
import { createRedisUploadStore } from './redis-upload-store.ts'

const TTL_MS = 60_000

const { redis, prefix } = useTestRedis(process.env)
const keys = createKeys(prefix)
const store = createRedisUploadStore({ redis, keys })

test('bytes come back as they went in, whatever they are', async () => {
  const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))
  const notUtf8 = Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x00, 0xed, 0xa0, 0x80])
  for (const [i, bytes] of [everyByte, notUtf8, Buffer.alloc(0), randomBytes(3_000_000)].entries()) {
    await store.put(`round-${i}`, bytes, TTL_MS)
    const back = await store.get(`round-${i}`)
    assert.ok(back !== null && back.equals(bytes), `upload ${i}`)
  }
})

test('an upload is gone after its time at the latest', async () => {
  await store.put('expiring', Buffer.from('x'), TTL_MS)
  const ttlMs = await redis.pttl(keys.upload('expiring'))
  assert.ok(ttlMs > 0 && ttlMs <= TTL_MS, `${ttlMs} ms`)

  await redis.pexpire(keys.upload('expiring'), 0)
  assert.equal(await store.get('expiring'), null)
})

test('a deleted upload is gone, and may be deleted again; its neighbours stay', async () => {
  await store.put('one', Buffer.from('1'), TTL_MS)
  await store.put('two', Buffer.from('2'), TTL_MS)
  await store.delete('one')
  await store.delete('one')
  assert.equal(await store.get('one'), null)
  assert.deepEqual(await store.get('two'), Buffer.from('2'))
})

test('an upload that was never put is null', async () => assert.equal(await store.get('never'), null))

test('two prefixes on one Redis do not meet', async () => {
  const other = createRedisUploadStore({ redis, keys: createKeys(`${prefix}:other`) })
  await store.put('same', Buffer.from('ours'), TTL_MS)
  assert.equal(await other.get('same'), null)
})
