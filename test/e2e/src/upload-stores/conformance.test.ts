/**
 * Guarantee: every store of uploads does the same, whatever is behind it: Redis, a folder, or an S3 server (OpenStack
 * Swift). A store that is away says so; it never takes a picture for gone, and has what it had when it is back.
 */
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { listUploads, UPLOAD_PLACES } from './places.ts'

const TTL_MS = 600_000
// More than a page of the S3 server has.
const MANY = 25

const newId = (): string => createUploadId({ model: 'densenet-121', predictionId: randomUUID() })

for (const { name, make, skip } of UPLOAD_PLACES) {
  test(name, { skip }, async (t) => {
    const place = await make()
    t.after(() => place.remove())
    const openStore = () => place.open(`{test}.${randomUUID()}`)
    const store = openStore()

    await t.test('of a store that nobody has put anything into, nothing is listed', async () => {
      assert.deepEqual(await listUploads(openStore()), [])
    })

    await t.test('bytes come back as they went in, whatever they are', async () => {
      const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, value) => value))
      const notUtf8 = Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0x00, 0xed, 0xa0, 0x80])
      for (const bytes of [everyByte, notUtf8, Buffer.alloc(0), randomBytes(3_000_000)]) {
        const id = newId()
        await store.put(id, bytes, TTL_MS)
        const back = await store.get(id)
        assert.ok(back !== null && back.equals(bytes), `${bytes.length} bytes`)
      }
    })

    await t.test('what was never put is null', async () => assert.equal(await store.get(newId()), null))

    await t.test('what is put again is there once, with the later bytes', async () => {
      const own = openStore()
      const id = newId()
      await own.put(id, Buffer.from('one'), TTL_MS)
      await own.put(id, Buffer.from('two'), TTL_MS)
      assert.deepEqual(await own.get(id), Buffer.from('two'))
      assert.deepEqual(await listUploads(own), [id])
    })

    await t.test('what is deleted is gone, and may be deleted again; its neighbours stay', async () => {
      const [gone, kept] = [newId(), newId()]
      await store.put(gone, Buffer.from('1'), TTL_MS)
      await store.put(kept, Buffer.from('2'), TTL_MS)
      await store.delete(gone)
      await store.delete(gone)
      await store.delete(newId())
      assert.equal(await store.get(gone), null)
      assert.deepEqual(await store.get(kept), Buffer.from('2'))
    })

    await t.test('many at the same time are all there, are listed, and go', async () => {
      const own = openStore()
      const ids = Array.from({ length: MANY }, newId).toSorted()
      await Promise.all(ids.map((id) => own.put(id, Buffer.from(id), TTL_MS)))
      assert.deepEqual(await listUploads(own), ids)
      for (const id of ids) assert.equal(String(await own.get(id)), id)
      // As the sweep does it: while they are listed.
      for await (const id of own.list()) await own.delete(id)
      assert.deepEqual(await listUploads(own), [])
    })

    await t.test('two gateways and workers on one place share it', async () => {
      const prefix = randomUUID()
      const [gateway, worker] = [place.open(prefix), place.open(prefix)]
      const id = newId()
      await gateway.put(id, Buffer.from('x'), TTL_MS)
      assert.deepEqual(await worker.get(id), Buffer.from('x'))
      await worker.delete(id)
      assert.equal(await gateway.get(id), null)
    })

    await t.test('two installations on one place do not meet', async () => {
      const [ours, theirs] = [openStore(), openStore()]
      const id = newId()
      await ours.put(id, Buffer.from('ours'), TTL_MS)
      await theirs.put(newId(), Buffer.from('theirs'), TTL_MS)
      assert.equal(await theirs.get(id), null)
      await theirs.delete(id)
      assert.deepEqual(await listUploads(ours), [id])
    })

    if (name !== 'redis') {
      await t.test('an id that could be a path is nobody’s', async () => {
        for (const id of ['../../etc/passwd', '..', '', 'a/b-00', `..${'0'.repeat(8)}`, 'x'.repeat(300)]) {
          await assert.rejects(store.put(id, Buffer.from('x'), TTL_MS), RangeError)
          assert.equal(await store.get(id), null)
          await store.delete(id)
        }
      })
    }

    await t.test('while it is away everything is refused, and nothing is taken for gone', async () => {
      const own = openStore()
      const ids = [newId(), newId()]
      for (const id of ids) await own.put(id, Buffer.from(id), TTL_MS)
      await place.takeAway()
      const isRefusal = (error: { code?: string }) =>
        name === 'redis' || error.code === 'upload_store_unavailable'
      const [id = ''] = ids
      await assert.rejects(own.get(id), isRefusal)
      await assert.rejects(own.put(newId(), Buffer.from('x'), TTL_MS), isRefusal)
      await assert.rejects(own.delete(id), isRefusal)
      await assert.rejects(listUploads(own), isRefusal)
      await place.bringBack()
      assert.deepEqual(await listUploads(own), ids.toSorted())
      for (const id of ids) assert.equal(String(await own.get(id)), id)
      await own.put(newId(), Buffer.from('x'), TTL_MS)
    })
  })
}
