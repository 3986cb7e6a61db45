// That the objects of an overlay find each other: selectors, ports, names, network policies, and what scales the workers.
import { loadConfig as loadWorkerConfig } from '@menagerie/worker/config'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildOverlay, findKustomizeFault, listOverlays, type KubernetesObject } from './kustomize.ts'
import { isSelected, listPods, listPodsOf, readContainerEnv } from './pods.ts'
import { readExampleSecrets } from './secrets.ts'
import { listKind, type Selector, type Trigger } from './specs.ts'

const secrets = readExampleSecrets()
const skip = findKustomizeFault()

const checkTrigger = (objects: readonly KubernetesObject[], trigger: Trigger, model: string): void => {
  const { type, metadata, authenticationRef } = trigger
  if (type === 'prometheus') {
    assert.ok(metadata['query']?.includes(`menagerie_queue_depth{model="${model}"}`), metadata['query'])
    return
  }
  const url = new URL(metadata['url'] ?? '')
  const services = listKind(objects, 'Service')
  const namespace = objects.find(({ kind }) => kind === 'Namespace')?.metadata.name ?? ''
  const service = services.find(({ name }) => url.hostname === `${name}.${namespace}`)
  assert.equal(service?.spec.ports[0]?.port, Number(url.port))
  assert.equal(url.pathname, `/v1/queues/${model}`)
  assert.equal(metadata['valueLocation'], 'depth')
  const authentications = listKind(objects, 'TriggerAuthentication').map(({ name }) => name)
  assert.ok(authentications.includes(authenticationRef?.name ?? ''))
}

for (const overlay of listOverlays()) {
  const objects = skip === false ? buildOverlay(overlay) : []
  const pods = listPods(objects)
  const select = (selector: Selector) => pods.filter(({ labels }) => isSelected(selector, labels))

  test(`${overlay}: each selector finds its pods, and those alone`, { skip }, () => {
    for (const { owner, selector } of pods) {
      assert.deepEqual(
        select(selector).map((pod) => pod.owner),
        [owner],
      )
    }
    for (const { name, spec } of listKind(objects, 'Service')) {
      const behind = select({ matchLabels: spec.selector })
      assert.deepEqual(
        behind.map((pod) => pod.owner),
        [name],
      )
      for (const { targetPort } of spec.ports) {
        assert.ok(behind.every(({ container }) => container.ports.some((port) => port.name === targetPort)))
      }
    }
    for (const { name, spec } of listKind(objects, 'PodDisruptionBudget')) {
      assert.deepEqual(
        select(spec.selector).map((pod) => pod.owner),
        [name],
      )
    }
    for (const { name, spec } of listKind(objects, 'PodMonitor')) {
      const scraped = select(spec.selector)
      assert.ok(scraped.length > 0, name)
      // The rules of deploy/monitoring know gateways and workers by their job.
      const jobs = scraped.map(({ labels }) => labels[spec.jobLabel])
      assert.deepEqual([...new Set(jobs)], [name.replace('menagerie-', '')])
      for (const { port } of spec.podMetricsEndpoints) {
        assert.ok(scraped.every(({ container }) => container.ports.some((entry) => entry.name === port)))
      }
    }
  })

  test(`${overlay}: nothing is open but what must be`, { skip }, () => {
    const policies = listKind(objects, 'NetworkPolicy')
    const deny = policies.find(({ name }) => name === 'menagerie-default-deny')
    assert.deepEqual(deny?.spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    for (const { name, spec } of policies) assert.ok(select(spec.podSelector).length > 0, name)

    const rulesOf = (labels: Record<string, string>, direction: 'ingress' | 'egress') =>
      policies
        .filter(({ spec }) => isSelected(spec.podSelector, labels))
        .flatMap(({ spec }) => spec[direction] ?? [])
    for (const { labels, container, owner } of pods) {
      const component = labels['app.kubernetes.io/component']
      const own = container.ports.map(({ containerPort }) => containerPort)
      for (const rule of rulesOf(labels, 'ingress')) {
        assert.deepEqual(
          rule.ports?.map(({ port }) => port),
          own,
          owner,
        )
        if (component === 'gateway') continue
        // Workers are there for Prometheus, Redis for gateways and workers.
        assert.ok(rule.from !== undefined && rule.from.length > 0, owner)
        for (const { podSelector, namespaceSelector } of rule.from) {
          const callers = podSelector === undefined ? [] : select(podSelector)
          const components = new Set(callers.map((caller) => caller.labels['app.kubernetes.io/component']))
          if (component === 'redis') assert.deepEqual(components, new Set(['gateway', 'worker']))
          else assert.ok(namespaceSelector?.matchLabels !== undefined, owner)
        }
      }
      const egress = rulesOf(labels, 'egress')
      const ports = new Set(egress.flatMap((rule) => rule.ports?.map(({ port }) => port) ?? []))
      assert.ok(ports.has(53), owner)
      assert.equal(ports.has(6379), component !== 'redis', owner)
      // Whoever may reach the internet may reach no private range on the way.
      for (const { ipBlock } of egress.flatMap((rule) => rule.to ?? [])) {
        if (ipBlock?.cidr === '0.0.0.0/0') assert.ok(ipBlock.except?.includes('10.0.0.0/8'), owner)
        if (ipBlock?.cidr === '::/0') assert.ok(ipBlock.except?.includes('fc00::/7'), owner)
      }
    }
  })

  test(`${overlay}: what scales finds what it scales, by the queue of its model`, { skip }, () => {
    const owners = pods.map(({ owner }) => owner)
    const scaled: string[] = []
    for (const { spec } of listKind(objects, 'HorizontalPodAutoscaler')) {
      scaled.push(spec.scaleTargetRef.name)
    }
    for (const { spec } of listKind(objects, 'ScaledObject')) {
      scaled.push(spec.scaleTargetRef.name)
      const pod = pods.find(({ owner }) => owner === spec.scaleTargetRef.name)
      assert.ok(pod !== undefined, spec.scaleTargetRef.name)
      const { model } = loadWorkerConfig(readContainerEnv(objects, pod.container, secrets))
      assert.equal(pod.labels['app.kubernetes.io/instance'], model.name)
      assert.equal(spec.triggers.length, 1)
      for (const trigger of spec.triggers) checkTrigger(objects, trigger, model.name)
    }
    assert.deepEqual(scaled.toSorted(), owners.filter((owner) => owner !== 'menagerie-redis').toSorted())
  })

  test(
    `${overlay}: gateways and workers have one Redis, and no secret is among the manifests`,
    { skip },
    () => {
      const urls = [...listPodsOf(objects, 'gateway'), ...listPodsOf(objects, 'worker')].map(
        ({ container }) => readContainerEnv(objects, container, secrets)['REDIS_URL'] ?? '',
      )
      assert.equal(new Set(urls).size, 1)
      const url = new URL(urls[0] ?? '')
      assert.ok([secrets['REDIS_PASSWORD'], 'secret'].includes(url.password), 'a password is part of it')
      const redis = listPodsOf(objects, 'redis')
      if (redis.length > 0) {
        assert.deepEqual(
          redis.map(({ owner }) => owner),
          [url.hostname],
        )
      }
      assert.deepEqual(listKind(objects, 'Secret'), [])
    },
  )

  test(`${overlay}: a worker gets no secret but the way to Redis`, { skip }, () => {
    for (const { container, spec } of listPodsOf(objects, 'worker')) {
      const keys = (container.env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.key ?? [])
      assert.equal(keys.length, 1)
      assert.ok(['REDIS_PASSWORD', 'REDIS_URL'].includes(keys[0] ?? ''))
      assert.ok(spec.volumes?.every(({ secret }) => secret === undefined) ?? true)
    }
  })

  test(`${overlay}: the workers can be applied before the rest`, { skip }, () => {
    const chosen = objects.filter(
      ({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'worker',
    )
    const workers = listPods(chosen)
    assert.equal(workers.length, listPodsOf(objects, 'worker').length)
    for (const { container } of workers) assert.ok(readContainerEnv(chosen, container, secrets)['MODEL'])
  })
}
