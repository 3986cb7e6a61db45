import type { Delivery } from '@menagerie/contract/delivery'
import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import type { TestGateway } from './open-test-gateway.ts'

/** `GET /v1/predictions/{id}/deliveries` */
export const listDeliveries = async (gateway: TestGateway, id: string): Promise<Delivery[]> => {
  const answer = await fetch(`${gateway.url}/v1/predictions/${id}/deliveries`)
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { items: Delivery[] }).items
}

/** Waits until its first delivery is like this, and returns it. */
export const waitForDelivery = async (
  gateway: TestGateway,
  id: string,
  isIt: (delivery: Delivery) => boolean,
): Promise<Delivery> => {
  let found: Delivery | undefined
  await waitUntil('the delivery is as expected', async () => {
    found = (await listDeliveries(gateway, id)).find(isIt)
    return found !== undefined
  })
  assert.ok(found)
  return found
}

export const redeliver = (gateway: TestGateway, id: string, n: number): Promise<Response> =>
  fetch(`${gateway.url}/v1/predictions/${id}/deliveries/${n}/redeliver`, { method: 'POST' })
