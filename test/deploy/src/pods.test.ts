// What every pod of every overlay must have, and that its settings are ones that its program takes.
import { GatewaySettings, loadConfig as loadGatewayConfig } from '@menagerie/gateway/config'
import { loadConfig as loadWorkerConfig, WorkerSettings } from '@menagerie/worker/config'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildOverlay, findKustomizeFault, listOverlays } from './kustomize.ts'
import { listPods, listPodsOf, readContainerEnv } from './pods.ts'
import { readExampleSecrets } from './secrets.ts'

// From main.ts of the two programs: what they give themselves to stop, beside DRAIN_DELAY and DRAIN_TIMEOUT.
const GATEWAY_CLOSE_MS = 30_000
const WORKER_CLOSE_MS = 10_000

// What is in an environment and is no setting of ours: what REDIS_URL is made of, and what Node itself reads.
const OTHER_NAMES = new Set(['REDIS_PASSWORD', 'UV_THREADPOOL_SIZE'])

const MODEL_DOWNLOAD_S = 10 * 60

const parseBytes = (text = '0'): number => {
  const [, number, unit = ''] = /^(\d+)(Mi|Gi)?$/.exec(text) ?? []
  return Number(number) * (unit === 'Gi' ? 2 ** 30 : unit === 'Mi' ? 2 ** 20 : 1)
}

const secrets = readExampleSecrets()
const skip = findKustomizeFault()

for (const overlay of listOverlays()) {
  const objects = skip === false ? buildOverlay(overlay) : []

  test(`${overlay}: each pod has few rights, probes and bounds`, { skip }, () => {
    const pods = listPods(objects)
    assert.ok(pods.length > 1)
    for (const { owner, spec, container } of pods) {
      assert.equal(spec.containers.length, 1, owner)
      assert.equal(spec.automountServiceAccountToken, false, owner)
      const { runAsNonRoot, runAsUser, seccompProfile } = spec.securityContext
      assert.deepEqual([runAsNonRoot, seccompProfile], [true, { type: 'RuntimeDefault' }], owner)
      assert.ok(Number(runAsUser) > 0, owner)
      assert.deepEqual(
        container.securityContext,
        {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        owner,
      )
      assert.match(container.image, /:\d+\.\d+(\.\d+)?$/, owner)
      const { requests, limits } = container.resources
      assert.ok(requests['cpu'] !== undefined && requests['memory'] !== undefined, owner)
      assert.ok(limits['memory'] !== undefined, owner)
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
        const { httpGet, exec, periodSeconds } = container[probe]
        assert.ok(httpGet !== undefined || exec !== undefined, `${owner} ${probe}`)
        assert.ok(periodSeconds > 0, `${owner} ${probe}`)
        if (httpGet === undefined) continue
        assert.ok(
          container.ports.some(({ name }) => name === httpGet.port),
          `${owner} ${probe}`,
        )
        assert.ok(['/livez', '/readyz'].includes(httpGet.path), `${owner} ${probe}`)
      }
    }
  })

  test(
    `${overlay}: a gateway takes its settings, drains in time and has a disk for archives`,
    { skip },
    () => {
      const [pod, ...others] = listPodsOf(objects, 'gateway')
      assert.ok(pod !== undefined && others.length === 0)
      const { container, spec } = pod
      const env = readContainerEnv(objects, container, secrets)
      const names = Object.keys(env).filter((name) => !OTHER_NAMES.has(name))
      assert.deepEqual(
        names.filter((name) => !Object.hasOwn(GatewaySettings.properties, name)),
        [],
      )
      const config = loadGatewayConfig(env)
      assert.equal(config.listen.host, '0.0.0.0')
      assert.equal(container.ports[0]?.containerPort, config.listen.port)
      const { periodSeconds, failureThreshold = 3 } = container.readinessProbe
      assert.ok(config.drainDelayMs > periodSeconds * failureThreshold * 1000)
      assert.ok(spec.terminationGracePeriodSeconds * 1000 > config.drainDelayMs + GATEWAY_CLOSE_MS)

      const mount = container.volumeMounts?.find(({ mountPath }) => mountPath === '/tmp')
      const volume = spec.volumes?.find(({ name }) => name === mount?.name)?.emptyDir
      assert.ok(volume !== undefined && volume.medium === undefined)
      // Bodies in flight are bounded together, batches among them.
      assert.ok(
        parseBytes(volume.sizeLimit) > config.admission.uploadsInFlightBytesMax + config.batchBytesMax,
      )
      assert.ok(parseBytes(container.resources.limits['ephemeral-storage']) > parseBytes(volume.sizeLimit))
      assert.ok(
        parseBytes(container.resources.limits['memory']) > 2 * config.admission.uploadsInFlightBytesMax,
      )
    },
  )

  test(
    `${overlay}: a worker takes its settings, has time to start and to stop, and whole cores`,
    { skip },
    () => {
      const pods = listPodsOf(objects, 'worker')
      assert.ok(pods.length > 0)
      for (const { owner, container, spec } of pods) {
        const env = readContainerEnv(objects, container, secrets)
        const names = Object.keys(env).filter((name) => !OTHER_NAMES.has(name))
        assert.deepEqual(
          names.filter((name) => !Object.hasOwn(WorkerSettings.properties, name)),
          [],
          owner,
        )
        const config = loadWorkerConfig(env)
        assert.deepEqual(config.probe, { host: '0.0.0.0', port: container.ports[0]?.containerPort }, owner)
        assert.ok(spec.terminationGracePeriodSeconds * 1000 > config.drainTimeoutMs + WORKER_CLOSE_MS, owner)
        const { periodSeconds, failureThreshold = 3 } = container.startupProbe
        assert.ok(periodSeconds * failureThreshold >= MODEL_DOWNLOAD_S, owner)

        // The root is read-only, so what is downloaded needs a volume, and what is in the image must not be hidden by one.
        const hasCache = container.volumeMounts?.some(({ mountPath }) => mountPath === config.model.cacheDir)
        assert.ok(hasCache === true || !config.model.isDownloadAllowed, owner)

        const { requests, limits } = container.resources
        assert.deepEqual([limits['cpu'], limits['memory']], [requests['cpu'], requests['memory']], owner)
        assert.ok(Number.isInteger(Number(limits['cpu'])), owner)
        assert.equal(config.inferenceThreads, null, owner)
      }
    },
  )
}
