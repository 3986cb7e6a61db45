// Every kustomization builds, and everything in it is what the published schemas of Kubernetes, KEDA and the Prometheus
// operator describe, with no field that they do not know.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { findSchemaFaults } from './kubernetes-schemas.ts'
import {
  buildKustomization,
  buildOverlay,
  findKustomizeFault,
  listOverlays,
  MANIFESTS_DIR,
} from './kustomize.ts'

const skip = findKustomizeFault()

for (const overlay of listOverlays()) {
  test(`the overlay ${overlay} is valid`, { skip }, async () => {
    const objects = buildOverlay(overlay)
    assert.ok(objects.length > 10, String(objects.length))
    assert.deepEqual(await findSchemaFaults(objects), [])
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    assert.deepEqual(names, [...new Set(names)])
  })
}

test('the base builds, for overlays of your own', { skip }, async () => {
  assert.deepEqual(await findSchemaFaults(buildKustomization(join(MANIFESTS_DIR, 'base'))), [])
})

const container = { name: 'a', image: 'b' }
const selector = { matchLabels: { a: 'b' } }
const deployment = (spec: object, pod: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'wrong' },
  spec: { selector, template: { metadata: { labels: { a: 'b' } }, spec: pod }, ...spec },
})
const scaledObject = (spec: object) => ({
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'ScaledObject',
  metadata: { name: 'wrong' },
  spec: { scaleTargetRef: { name: 'a' }, triggers: [{ type: 'metrics-api', metadata: {} }], ...spec },
})

test('the schemas have nothing against what is right', async () => {
  const right = [deployment({}, { containers: [container] }), scaledObject({})]
  assert.deepEqual(await findSchemaFaults(right), [])
})

for (const [what, object, fault] of [
  ['a field too many', deployment({ replica: 1 }, { containers: [container] }), /"replica"/],
  [
    'a field too many, deep down',
    deployment({}, { containers: [{ ...container, resource: {} }] }),
    /"resource"/,
  ],
  ['a wrong type', deployment({ replicas: '1' }, { containers: [container] }), /replicas/],
  ['a field too few', deployment({}, {}), /containers/],
  [
    'a value that is none',
    deployment({}, { containers: [{ ...container, imagePullPolicy: 'Allways' }] }),
    /Allways/,
  ],
  ['a field of KEDA that is none', scaledObject({ minReplicas: 0 }), /"minReplicas"/],
  [
    'a number where KEDA wants a text',
    scaledObject({ triggers: [{ type: 'a', metadata: { b: 3 } }] }),
    /string/,
  ],
] as const) {
  test(`the schemas refuse ${what}`, async () => {
    assert.match((await findSchemaFaults([object])).join('\n'), fault)
  })
}
