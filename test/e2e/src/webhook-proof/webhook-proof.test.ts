// A thousand predictions with webhooks, for a receiver that fails 30 % of the time and a host that is dead, while gateways
// and workers are killed with kill -9: every webhook of the receiver arrives, signed, duplicates under one id with one body;
// those of the dead host hold up none of them, and end in the dead letter.
import type { Delivery, WebhookDeadLetter } from '@menagerie/contract/delivery'
import type { Prediction } from '@menagerie/contract/prediction'
import { makeForm } from '@menagerie/harness/form'
import { makeJpeg } from '@menagerie/harness/pictures'
import { waitUntil } from '@menagerie/harness/processes'
import { WEBHOOK_SECRET, type ReceivedWebhook } from '@menagerie/harness/webhook-receiver'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFleet } from './fleet.ts'
import { startDeadHost, startFlakyReceiver } from './receivers.ts'

const PREDICTIONS = 1000
const CLIENTS = 8
const KILLS = 8
const PATIENCE_MS = 300_000
const OPERATOR_KEY = 'the-key-of-the-operator'
const ENV = { WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', WEBHOOK_TIMEOUT: '1s', OPERATOR_KEY }
// As many short ones as the receiver could ever need; with the last no webhook is given up while the test looks.
const PATIENT = `${Array.from({ length: 20 }, () => '300ms').join(',')},1h`
const IMPATIENT = '100ms,100ms'

interface Wanted {
  id: string
  isDead: boolean
  types: string[]
}

const FILTERS = ['completed', 'start,completed', 'completed', 'start'] as const
const typesOf = (filter: string): string[] =>
  filter.split(',').map((event) => (event === 'start' ? 'prediction.started' : 'prediction.completed'))

/** Sends one prediction, with its key, to one gateway after the other, until one of them has it. */
const submitAnywhere = async (
  gatewayUrls: readonly string[],
  number: number,
  body: { picture: Buffer; fields: Record<string, string> },
): Promise<string> => {
  for (let tries = number; ; tries++) {
    const url = gatewayUrls[tries % gatewayUrls.length] ?? ''
    const answer = await fetch(`${url}/v1/predictions`, {
      method: 'POST',
      headers: { 'idempotency-key': `proof-${number}` },
      body: makeForm(body.picture, body.fields),
    }).catch(() => null)
    const text = await answer?.text().catch(() => null)
    if (answer?.status === 202 && typeof text === 'string') return (JSON.parse(text) as Prediction).id
    assert.ok(answer === null || answer.status >= 500, `${answer?.status} ${text}`)
    await sleep(50)
  }
}

const keyOf = (id: unknown, type: string): string => `${String(id)} ${type}`

const groupByEvent = (taken: readonly ReceivedWebhook[]): Map<string, ReceivedWebhook[]> => {
  const groups = new Map<string, ReceivedWebhook[]>()
  for (const hook of taken) {
    const key = keyOf(hook.event.data['id'], hook.event.type)
    groups.set(key, [...(groups.get(key) ?? []), hook])
  }
  return groups
}

const listWebhookDeadLetters = async (gatewayUrl: string): Promise<WebhookDeadLetter[]> => {
  const answer = await fetch(`${gatewayUrl}/v1/dead-letter/webhooks?limit=1000`, {
    headers: { authorization: `Bearer ${OPERATOR_KEY}` },
  })
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { items: WebhookDeadLetter[] }).items
}

const listDeliveries = async (gatewayUrl: string, id: string): Promise<Delivery[]> => {
  const answer = await fetch(`${gatewayUrl}/v1/predictions/${id}/deliveries`)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { items: Delivery[] }).items
}

test('1,000 predictions with webhooks while everything is killed', async (t) => {
  const live = await startFlakyReceiver(t)
  const dead = await startDeadHost(t)
  const fleet = await startFleet(t, { ...ENV, WEBHOOK_RETRY_DELAYS: PATIENT })
  const { gatewayUrls } = fleet
  const [gatewayUrl = ''] = gatewayUrls
  const picture = await makeJpeg({ width: 160, height: 120 })

  const wanted: Wanted[] = []
  let next = 0
  const runClient = async (): Promise<void> => {
    while (next < PREDICTIONS) {
      const number = next++
      const isDead = number % 10 === 0
      const filter = FILTERS[Math.floor(number / 10) % FILTERS.length] ?? 'completed'
      const fields = { webhook: isDead ? dead.url : live.url, webhook_events_filter: filter }
      const id = await submitAnywhere(gatewayUrls, number, { picture, fields })
      wanted.push({ id, isDead, types: typesOf(filter) })
    }
  }
  const killAll = async (): Promise<void> => {
    for (let kills = 0; kills < KILLS; kills++) {
      const due = ((kills + 1) * PREDICTIONS) / (KILLS + 1)
      await waitUntil('it is time for the next kill', () => wanted.length >= due, PATIENCE_MS)
      await fleet.seats[kills % fleet.seats.length]?.killAndRestart()
    }
  }
  await Promise.all([killAll(), ...Array.from({ length: CLIENTS }, runClient)])
  assert.equal(new Set(wanted.map(({ id }) => id)).size, PREDICTIONS)

  const keysOf = (isDead: boolean): Set<string> =>
    new Set(
      wanted
        .filter((each) => each.isDead === isDead)
        .flatMap(({ id, types }) => types.map((type) => keyOf(id, type))),
    )
  const expected = keysOf(false)
  await waitUntil(
    'every webhook of the live receiver has arrived',
    () => groupByEvent(live.taken).size >= expected.size,
    PATIENCE_MS,
  )
  // The dead host holds all of its own back, and none of the others: those are all there before it is given up.
  assert.ok(dead.connections() > 0)
  const deadIds = wanted.filter(({ isDead }) => isDead).map(({ id }) => id)
  const pending = (await Promise.all(deadIds.map((id) => listDeliveries(gatewayUrl, id)))).flat()
  assert.deepEqual(new Set(pending.map(({ status }) => status)), new Set(['pending']))

  const groups = groupByEvent(live.taken)
  assert.deepEqual(new Set(groups.keys()), expected)
  assert.ok(live.taken.every(({ isSignatureValid }) => isSignatureValid))
  for (const [key, hooks] of groups) {
    assert.equal(new Set(hooks.map(({ id }) => id)).size, 1, `one webhook-id of ${key}`)
    assert.equal(new Set(hooks.map(({ body }) => body)).size, 1, `one body of ${key}`)
    const isStart = hooks[0]?.event.type === 'prediction.started'
    assert.equal(hooks[0]?.event.data['status'], isStart ? 'processing' : 'succeeded')
  }

  // From here on nobody waits for the dead host any longer.
  await fleet.replaceGateways({ WEBHOOK_RETRY_DELAYS: IMPATIENT })
  for (const id of deadIds) {
    for (const { n } of await listDeliveries(gatewayUrl, id)) {
      const url = `${gatewayUrl}/v1/predictions/${id}/deliveries/${n}/redeliver`
      assert.equal((await fetch(url, { method: 'POST' })).status, 202)
    }
  }
  const expectedDead = keysOf(true)
  let letters: WebhookDeadLetter[] = []
  const isGivenUp = async (): Promise<boolean> => {
    letters = await listWebhookDeadLetters(gatewayUrl)
    return letters.length >= expectedDead.size
  }
  await waitUntil('those of the dead host are in the dead letter', isGivenUp, PATIENCE_MS)
  assert.deepEqual(
    new Set(letters.map(({ prediction_id, event }) => keyOf(prediction_id, event))),
    expectedDead,
  )

  const figures = {
    predictions: PREDICTIONS,
    kills: KILLS,
    webhooks: expected.size,
    attempts: live.attempts(),
    failed_attempts: live.failures(),
    duplicates: live.taken.length - expected.size,
    invalid_signatures: live.taken.filter(({ isSignatureValid }) => !isSignatureValid).length,
    missing: expected.size - groups.size,
    connections_to_dead_host: dead.connections(),
    dead_letters: letters.length,
  }
  t.diagnostic(JSON.stringify(figures))
})
