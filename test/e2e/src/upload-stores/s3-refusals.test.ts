/** Guarantee: an S3 server that does not let us in, or has no such bucket, is no store whose pictures are gone. */
import { skipWithoutSwift } from '@menagerie/harness/swift'
import { createS3Client, type S3Options } from '@menagerie/shared/upload-store/s3-client'
import { createS3UploadStore } from '@menagerie/shared/upload-store/s3-upload-store'
import { createUploadId } from '@menagerie/shared/upload-store/upload-id'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { makeS3Place } from './places.ts'

/** A proxy that passes everything on as it is, but for the first byte of a body. */
const startForger = async (t: TestContext, target: string): Promise<string> => {
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming
    let isFirst = true
    const forwarded = request(`${target}${url}`, { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.on('data', (chunk: Buffer) => {
      if (isFirst) chunk[0] = (chunk[0] ?? 0) ^ 1
      isFirst = false
      forwarded.write(chunk)
    })
    incoming.on('end', () => forwarded.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test(
  'what an S3 server refuses is told with its reason, and without the secret',
  { skip: skipWithoutSwift },
  async (t) => {
    const place = await makeS3Place()
    t.after(() => place.remove())
    const id = createUploadId({ model: 'm', predictionId: 'p' })
    const cases: Array<[what: string, changes: Partial<S3Options>, reason: RegExp]> = [
      ['a wrong secret', { secretAccessKey: 'hunter2-hunter2' }, /403 SignatureDoesNotMatch/],
      ['an unknown key', { accessKeyId: 'test:nobody' }, /403/],
      ['a bucket that is not there', { bucket: 'elsewhere' }, /404 NoSuchBucket/],
    ]
    for (const [what, changes, reason] of cases) {
      await t.test(what, async () => {
        const store = createS3UploadStore(
          { send: createS3Client({ ...place.options, ...changes }) },
          { prefix: 'tests/' },
        )
        const calls = [
          () => store.put(id, Buffer.from('x'), 1000),
          () => store.get(id),
          () => store.delete(id),
          () => store.list()[Symbol.asyncIterator]().next(),
        ]
        for (const call of calls) {
          await assert.rejects(call, (error: Error & { code?: string }) => {
            assert.equal(error.code, 'upload_store_unavailable')
            assert.match(String(error.cause), reason)
            assert.doesNotMatch(`${error.stack}${String(error.cause)}`, /hunter2/)
            return true
          })
        }
      })
    }

    await t.test('a picture that changes on the way', async () => {
      const endpoint = await startForger(t, place.options.endpoint)
      const open = (options: S3Options) =>
        createS3UploadStore({ send: createS3Client(options) }, { prefix: 'tests/' })
      await assert.rejects(
        open({ ...place.options, endpoint }).put(id, Buffer.from('a picture'), 1000),
        (error: Error) => /answered PUT with 400/.test(String(error.cause)),
      )
      assert.equal(await open(place.options).get(id), null)
    })
  },
)
