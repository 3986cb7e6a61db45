/** Standard Webhooks asks senders to stay under 20 kB. */
import { METADATA_BYTES_MAX, TOP_K_MAX } from '@menagerie/contract/prediction'
import { WEBHOOK_BODY_BYTES_MAX } from '@menagerie/contract/webhook'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { atEnd } from '../testing/at-end.ts'
import { makeReturnValue, startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectNothingStored, expectProblem, PICTURE, postForm } from '../testing/requests.ts'

const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.05s,0.1s' }

test('the largest body is one that every receiver takes', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const receiver = await startWebhookReceiver()
  atEnd(t, 'receiver', () => receiver.stop())
  // All of it as long as it may be, and in letters that take the most room.
  const labels = Array.from({ length: TOP_K_MAX }, (_, i): [string, string] => [
    `n${String(i).padStart(8, '0')}`,
    'the_longest_name_that_a_class_of_imagenet_might_ever_have',
  ])
  const top_k = labels.map((_, i): [number, number] => [i, 0.12345678901234568])
  const answer = async () => makeReturnValue({ top_k, worker: 'w'.repeat(72) })
  await startFakeWorker(t, gateway, { answer, model: { labels } })
  const form = new FormData()
  const metadata = JSON.stringify({ note: 'x'.repeat(METADATA_BYTES_MAX - '{"note":""}'.length) })
  for (const [name, value] of Object.entries({ metadata, top_k: '20', webhook: receiver.url })) {
    form.set(name, value)
  }
  form.set('file', new Blob([new Uint8Array(PICTURE)]), '\u{1F436}'.repeat(127))
  const encoded = new Response(form)
  const accepted = await request(`${gateway.url}/v1/predictions`, {
    method: 'POST',
    headers: {
      host: `${'h'.repeat(253)}:65535`,
      'content-type': encoded.headers.get('content-type') ?? '',
    },
    body: Buffer.from(await encoded.arrayBuffer()),
  })
  assert.equal(accepted.statusCode, 202)
  await waitUntil('it is delivered', () => receiver.received.length > 0)
  const body = receiver.received[0]?.body ?? ''
  t.diagnostic(`${Buffer.byteLength(body)} bytes`)
  assert.ok(Buffer.byteLength(body) > 2 * METADATA_BYTES_MAX)
  assert.ok(Buffer.byteLength(body) < WEBHOOK_BODY_BYTES_MAX)
})

test('what would grow beyond that is refused', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  const webhook = 'http://example.com/'
  // 1e20 is written out as 21 digits.
  const metadata = `{"n":[${Array.from({ length: 800 }, () => '1e20').join()}]}`
  assert.ok(metadata.length < METADATA_BYTES_MAX)
  await expectProblem(await postForm(gateway, { fields: { webhook, metadata } }), 'request_invalid')
  const named = await request(`${gateway.url}/v1/predictions?webhook=${webhook}`, {
    method: 'POST',
    headers: { host: 'h'.repeat(8000), 'content-type': 'image/jpeg' },
    body: PICTURE,
  })
  assert.equal(named.statusCode, 400)
  await named.body.dump()
  await expectNothingStored(gateway)
})
