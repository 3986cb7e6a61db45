import { ModelView } from '@menagerie/contract/registry'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Value from 'typebox/value'
import { DIGEST, registerFakeWorker } from '../testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'

const listModels = async (gateway: TestGateway): Promise<ModelView[]> => {
  const answer = await fetch(`${gateway.url}/v1/models`)
  assert.equal(answer.status, 200)
  const { models } = (await answer.json()) as { models: ModelView[] }
  for (const model of models) assert.ok(Value.Check(ModelView, model))
  return models
}

test('before any worker was there, only the name of the default model is known', async (t) => {
  const gateway = await openTestGateway(t)
  assert.deepEqual(await listModels(gateway), [
    {
      name: MODEL,
      description: null,
      default: true,
      digest: null,
      trained: null,
      animals_only: null,
      classes: null,
      input: null,
      workers_ready: 0,
    },
  ])
})

test('lists each model that workers registered, with how many are ready', async (t) => {
  const gateway = await openTestGateway(t)
  await registerFakeWorker(t, gateway)
  await registerFakeWorker(t, gateway)
  await registerFakeWorker(t, gateway, { name: 'other', trained: false })
  await registerFakeWorker(t, gateway, { name: 'other', trained: false }, { state: 'starting' })
  await registerFakeWorker(t, gateway, { name: 'resting', animals_only: true }, { state: 'draining' })
  const models = await listModels(gateway)
  const summary = models.map(({ name, default: isDefault, trained, classes, digest, workers_ready }) => {
    return [name, isDefault, trained, classes, digest, workers_ready]
  })
  assert.deepEqual(
    summary.toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    [
      ['other', false, false, 3, DIGEST, 1],
      ['resting', false, true, 3, DIGEST, 0],
      [MODEL, true, true, 3, DIGEST, 2],
    ],
  )
  assert.equal(models[0]?.input?.crop, 224)
  const animalsOnly = models.filter(({ animals_only }) => animals_only === true)
  assert.deepEqual(
    animalsOnly.map(({ name }) => name),
    ['resting'],
  )
})

test('what is not a model in the registry is passed over', async (t) => {
  const gateway = await openTestGateway(t)
  await gateway.redis.hset(`${gateway.prefix}:models`, 'broken', '{"name":"broken"}')
  assert.deepEqual(
    (await listModels(gateway)).map(({ name }) => name),
    [MODEL],
  )
})
