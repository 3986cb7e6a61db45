/** What a receiver may answer, and how long it may take: each rule against a real one. */
import { waitUntil } from '@menagerie/harness/processes'
import { startWebhookReceiver, WEBHOOK_SECRET } from '@menagerie/harness/webhook-receiver'
import { Queue } from 'bullmq'
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { atEnd } from '../testing/at-end.ts'
import { redeliver, waitForDelivery } from '../testing/deliveries.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { startOddReceiver } from '../testing/odd-receiver.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { submit } from '../testing/requests.ts'

const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_RETRY_DELAYS: '0.05s,0.05s' }
const HOUR_MS = 3_600_000

test('a receiver that asks to be left alone is, until somebody asks for the webhook', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  let requests = 0
  const url = await startOddReceiver(t, (_request, response) => {
    requests += 1
    if (requests === 1) response.writeHead(429, { 'retry-after': '3600' }).end()
    else response.end()
  })
  const { id } = await submit(gateway, { fields: { webhook: url } })
  const { n, attempts, next_attempt_at } = await waitForDelivery(
    gateway,
    id,
    (delivery) => delivery.next_attempt_at !== null,
  )
  assert.equal(attempts[0]?.http_status, 429)
  assert.ok(Date.parse(next_attempt_at ?? '') >= Date.parse(attempts[0].at) + HOUR_MS)
  assert.equal((await redeliver(gateway, id, n)).status, 202)
  await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.equal(requests, 2)
})

test('410 ends it at once', async (t) => {
  const gateway = await openTestGateway(t, ENV)
  await startFakeWorker(t, gateway)
  const url = await startOddReceiver(t, (_request, response) => response.writeHead(410).end())
  const { id } = await submit(gateway, { fields: { webhook: url } })
  const { attempts } = await waitForDelivery(gateway, id, ({ status }) => status === 'failed')
  assert.deepEqual(
    attempts.map(({ http_status }) => http_status),
    [410],
  )
})

test('a redirect, a refusal and an error of the receiver are failures like others', async (t) => {
  const gateway = await openTestGateway(t, { ...ENV, WEBHOOK_RETRY_DELAYS: '0.05s,0.05s,0.05s' })
  await startFakeWorker(t, gateway)
  const statuses = [302, 404, 500, 204]
  let requests = 0
  const url = await startOddReceiver(t, (_request, response) =>
    response.writeHead(statuses[requests++] ?? 500, { location: '/elsewhere' }).end(),
  )
  const { id } = await submit(gateway, { fields: { webhook: url } })
  const { attempts } = await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.deepEqual(
    attempts.map(({ http_status }) => http_status),
    statuses,
  )
})

test('a receiver that takes longer than WEBHOOK_TIMEOUT is asked again', async (t) => {
  const gateway = await openTestGateway(t, { ...ENV, WEBHOOK_TIMEOUT: '0.2s' })
  await startFakeWorker(t, gateway)
  let requests = 0
  const url = await startOddReceiver(t, (_request, response) => {
    requests += 1
    if (requests > 1) response.end()
  })
  const { id } = await submit(gateway, { fields: { webhook: url } })
  const { attempts } = await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
  assert.deepEqual(
    attempts.map(({ http_status, error }) => [http_status, error]),
    [
      [null, 'timeout'],
      [200, null],
    ],
  )
})

test('receivers may change from one secret to the next whenever they like', async (t) => {
  const next = `whsec_${Buffer.from('another secret of 32 bytes here!').toString('base64')}`
  const gateway = await openTestGateway(t, { ...ENV, WEBHOOK_SECRET: `${next},${WEBHOOK_SECRET}` })
  await startFakeWorker(t, gateway)
  for (const secret of [WEBHOOK_SECRET, next]) {
    const receiver = await startWebhookReceiver({ secret })
    atEnd(t, 'receiver', () => receiver.stop())
    await submit(gateway, { fields: { webhook: receiver.url } })
    await waitUntil('it is delivered', () => receiver.received.length > 0)
    assert.equal(receiver.received[0]?.isSignatureValid, true)
  }
})

const MANY = 30

test('a host that is down is left alone, others go on, and when it is up again it gets everything', async (t) => {
  const gateway = await openTestGateway(t, {
    ...ENV,
    // What asks while the host is tried waits for so long.
    WEBHOOK_TIMEOUT: '2s',
    // Longer than the host is down.
    WEBHOOK_RETRY_DELAYS: `0.2s,${Array.from({ length: 20 }, () => '1s').join(',')}`,
  })
  await startFakeWorker(t, gateway)
  let isDown = true
  let asked = 0
  const url = await startOddReceiver(t, (_request, response) => {
    asked += 1
    response.writeHead(isDown ? 503 : 200).end()
  })
  const ids: string[] = []
  for (let i = 0; i < MANY; i++) ids.push((await submit(gateway, { fields: { webhook: url } })).id)
  await waitUntil('the host counts as down', () => asked >= 10)

  const live = await startWebhookReceiver()
  atEnd(t, 'receiver', () => live.stop())
  await submit(gateway, { fields: { webhook: live.url } })
  await waitUntil('another host has its webhook', () => live.received.length === 1)

  isDown = false
  for (const id of ids) await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
})

test('what waits for a host that stays down is given up when its schedule is over', async (t) => {
  const gateway = await openTestGateway(t, { ...ENV, WEBHOOK_RETRY_DELAYS: '0.2s,0.3s,0.3s' })
  await startFakeWorker(t, gateway)
  const ids: string[] = []
  for (let i = 0; i < MANY; i++) {
    ids.push((await submit(gateway, { fields: { webhook: 'http://127.0.0.1:1/' } })).id)
  }
  const errors = new Set<string | null>()
  for (const id of ids) {
    const { attempts } = await waitForDelivery(gateway, id, ({ status }) => status === 'failed')
    assert.ok(attempts.length > 0 && attempts.length <= 4)
    for (const { error } of attempts) errors.add(error)
  }
  assert.deepEqual(errors, new Set(['ECONNREFUSED', 'host_down']))
})

test('who asks for a webhook whose host is down has it wait from then on, not given up for its age', async (t) => {
  const delays = { WEBHOOK_RETRY_DELAYS: '20s,20s' }
  const gateway = await openTestGateway(t, { ...ENV, ...delays })
  await startFakeWorker(t, gateway)
  const ids: string[] = []
  // The last one finds the host down.
  for (let i = 0; i <= 10; i++) {
    const { id } = await submit(gateway, { fields: { webhook: 'http://127.0.0.1:1/' } })
    await waitForDelivery(gateway, id, ({ next_attempt_at }) => next_attempt_at !== null)
    ids.push(id)
  }
  const id = ids.at(-1) ?? ''
  const queue = new Queue('webhooks', { connection: gateway.redis, prefix: gateway.prefix })
  const find = async () => {
    const job = await queue.getJob(`wh-${id}`)
    assert.ok(job)
    return job
  }
  const job = await find()
  const askedAt = Date.now()
  await job.updateData({ ...job.data, due_at: 1 })

  assert.equal((await redeliver(gateway, id, 1)).status, 202)
  await waitUntil('it was looked at', async () => (await find()).data.due_at >= askedAt)
  const { attempts } = await waitForDelivery(gateway, id, ({ next_attempt_at }) => next_attempt_at !== null)
  assert.deepEqual(attempts, [])
})

test('a host that answers nobody holds up only its own share', async (t) => {
  const gateway = await openTestGateway(t, { ...ENV, WEBHOOK_TIMEOUT: '60s' })
  await startFakeWorker(t, gateway, { concurrency: 10 })
  const open: ServerResponse[] = []
  const url = await startOddReceiver(t, (_request, response) => void open.push(response))
  const ids: string[] = []
  for (let i = 0; i < MANY; i++) ids.push((await submit(gateway, { fields: { webhook: url } })).id)
  await waitUntil('it has its share', () => open.length === 20)

  const live = await startWebhookReceiver()
  atEnd(t, 'receiver', () => live.stop())
  await submit(gateway, { fields: { webhook: live.url } })
  await waitUntil('another host has its webhook', () => live.received.length === 1)
  assert.equal(open.length, 20)

  await waitUntil('it answers, and gets the rest', () => {
    for (const response of open) response.end()
    return open.length === MANY
  })
  for (const id of ids) await waitForDelivery(gateway, id, ({ status }) => status === 'delivered')
})
