/** One prediction, awaited in every way at once: all see the same end. */
import type { Prediction } from '@menagerie/contract/prediction'
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atEnd } from './testing/at-end.ts'
import {
  createGate,
  failWith,
  registerFakeWorker,
  startFakeWorker,
  succeed,
  type Answer,
} from './testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from './testing/open-test-gateway.ts'
import { readEvents } from './testing/read-events.ts'
import { getPrediction, postForm, readPrediction, submit } from './testing/requests.ts'

const isOver = ({ status }: Prediction): boolean => status !== 'queued' && status !== 'processing'

const poll = async (gateway: TestGateway, id: string): Promise<Prediction> => {
  let prediction = await getPrediction(gateway, id)
  await waitUntil('polling shows the end', async () => {
    prediction = await getPrediction(gateway, id)
    return isOver(prediction)
  })
  return prediction
}

/** Asks again with the tag of what it has, until there is an end. */
const pollWithTag = async (gateway: TestGateway, id: string): Promise<Prediction> => {
  let tag = ''
  for (;;) {
    const answer = await fetch(`${gateway.url}/v1/predictions/${id}?wait=60`, {
      headers: tag === '' ? { 'if-none-match': '"nothing"' } : { 'if-none-match': tag },
    })
    assert.equal(answer.status, 200)
    tag = answer.headers.get('etag') ?? ''
    const prediction = await readPrediction(answer)
    if (isOver(prediction)) return prediction
  }
}

const follow = async (gateway: TestGateway, id: string): Promise<Prediction> => {
  const stream = await readEvents(`${gateway.url}/v1/predictions/${id}/events`)
  await stream.ended
  const last = stream.events.at(-1)
  assert.ok(last !== undefined)
  assert.equal(last.event, last.data.status)
  return last.data
}

const OUTCOMES: Array<[status: Prediction['status'], answer: Answer]> = [
  ['succeeded', succeed],
  ['failed', failWith('image_undecodable: it is damaged')],
]

for (const [status, answer] of OUTCOMES) {
  test(`a prediction that ${status} is the same for all, however they waited`, async (t) => {
    const gateway = await openTestGateway(t, { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1' })
    const other = await openTestGateway(t, { REDIS_PREFIX: gateway.prefix, PUBLIC_URL: gateway.url })
    const receiver = await startWebhookReceiver()
    atEnd(t, 'receiver', () => receiver.stop())
    const request = { fields: { webhook: receiver.url }, headers: { 'idempotency-key': 'one for all' } }
    const { id } = await submit(gateway, request)
    // Of a failed one the model is shown as it is known at the moment.
    await registerFakeWorker(t, gateway)
    const knows = async (one: TestGateway) => (await getPrediction(one, id)).model.digest !== null
    await waitUntil('both know the model', async () => (await knows(gateway)) && (await knows(other)))

    const prefer = { ...request, headers: { ...request.headers, prefer: 'wait=60' } }
    const waiting = [
      poll(gateway, id),
      pollWithTag(gateway, id),
      getPrediction(gateway, id, '?wait=60'),
      getPrediction(other, id, '?wait=60'),
      follow(gateway, id),
      follow(other, id),
      postForm(gateway, prefer).then(async (answer) => {
        assert.equal(answer.status, 200)
        return readPrediction(answer)
      }),
    ]
    const gate = createGate(answer)
    await startFakeWorker(t, gateway, gate)
    await waitUntil('it runs', async () => (await gateway.queue.getActiveCount()) === 1)
    gate.open()

    const seen = await Promise.all(waiting)
    await waitUntil('the webhook has arrived', () => receiver.received.length === 1)
    const [webhook] = receiver.received
    assert.equal(webhook?.isSignatureValid, true)
    const [first, ...others] = seen
    assert.equal(first?.id, id)
    assert.equal(first.status, status)
    for (const prediction of [...others, webhook.event.data]) assert.deepEqual(prediction, first)
  })
}
