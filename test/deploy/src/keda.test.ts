// What KEDA asks for is there: a real gateway with the settings of the manifests is asked in the way of the ScaledObject,
// and its metrics have the series that the Prometheus trigger asks for.
import { readTestPicture } from '@menagerie/harness/pictures'
import { startGateway, waitUntil } from '@menagerie/harness/processes'
import { startTestRedis } from '@menagerie/harness/redis'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildOverlay, findKustomizeFault } from './kustomize.ts'
import { listPodsOf, readContainerEnv } from './pods.ts'
import { readExampleSecrets } from './secrets.ts'
import { listKind } from './specs.ts'

const skip = findKustomizeFault()

const readTrigger = (overlay: string): Readonly<Record<string, string>> => {
  const trigger = listKind(buildOverlay(overlay), 'ScaledObject')[0]?.spec.triggers[0]
  assert.ok(trigger !== undefined)
  return trigger.metadata
}

test('KEDA gets the depth from a gateway, and from Prometheus', { skip, timeout: 300_000 }, async (t) => {
  const objects = buildOverlay('redis-in-cluster')
  const secrets = readExampleSecrets()
  const [pod] = listPodsOf(objects, 'gateway')
  assert.ok(pod !== undefined)
  const { PORT: _, ...env } = readContainerEnv(objects, pod.container, secrets)
  const redis = await startTestRedis()
  t.after(() => redis.stop())
  // Of this machine alone, and without the delay that is for load balancers.
  const gateway = await startGateway({ ...env, REDIS_URL: redis.url, HOST: '127.0.0.1', DRAIN_DELAY: '0s' })
  t.after(() => gateway.stop())

  const { url = '', valueLocation = '', authMode } = readTrigger('redis-in-cluster')
  assert.equal(authMode, 'bearer')
  const address = `${gateway.url}${new URL(url).pathname}`
  const headers = { authorization: `Bearer ${secrets['OPERATOR_KEY']}` }
  const readDepth = async (): Promise<unknown> => {
    const answer = await fetch(address, { headers })
    assert.equal(answer.status, 200)
    return ((await answer.json()) as Record<string, unknown>)[valueLocation]
  }
  assert.equal(await readDepth(), 0)
  const sent = await fetch(`${gateway.url}/v1/predictions`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: new Uint8Array(await readTestPicture()),
  })
  assert.equal(sent.status, 202)
  await waitUntil('the depth is 1', async () => (await readDepth()) === 1)

  const { query = '' } = readTrigger('redis-external')
  const [, series = ''] = /^max\((.*)\)$/.exec(query) ?? []
  const metrics = await fetch(`${gateway.url}/metrics`, { headers })
  assert.equal(metrics.status, 200)
  assert.ok((await metrics.text()).includes(`\n${series} 1\n`), series)
})
