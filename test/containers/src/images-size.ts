// `pnpm images:size`: builds the images of gateway and worker, the worker with a DenseNet-121 inside, and holds their
// sizes against a budget. The last line of stdout is the report; over the budget the exit code is 1.
import { buildBakedWorker } from './baked-worker.ts'
import { docker, hasEngine, NO_ENGINE, removeImages } from './docker.ts'
import { makeStandIn } from './weights.ts'

const BUDGET_MB = { gateway: 260, worker: 400 }
const NODE_IMAGE = 'node:24-trixie-slim'
const IMAGES = { gateway: 'menagerie-size-gateway', worker: 'menagerie-size-worker' }

const sizeMb = async (image: string): Promise<number> =>
  Math.round(Number(await docker(['image', 'inspect', '--format', '{{.Size}}', image])) / 1e5) / 10

const build = async (): Promise<void> => {
  const gateway = ['--file', 'deploy/docker/gateway.Dockerfile', '--tag', IMAGES.gateway]
  await docker(['build', '--quiet', ...gateway, '.'], { DOCKER_BUILDKIT: '1' })
  // The untrained one has as many parameters as the one that is downloaded.
  const weights = await makeStandIn()
  try {
    await buildBakedWorker(IMAGES.worker, weights)
  } finally {
    await weights.remove()
    await removeImages('menagerie-test-weights')
  }
}

const measure = async () => {
  await build()
  const sizes = { gateway: await sizeMb(IMAGES.gateway), worker: await sizeMb(IMAGES.worker) }
  return {
    gateway_mb: sizes.gateway,
    gateway_budget_mb: BUDGET_MB.gateway,
    worker_with_densenet_121_mb: sizes.worker,
    worker_budget_mb: BUDGET_MB.worker,
    node_image: NODE_IMAGE,
    // BuildKit keeps what it has pulled to itself.
    node_image_mb: await sizeMb(NODE_IMAGE).catch(() => null),
    is_within_budget: sizes.gateway <= BUDGET_MB.gateway && sizes.worker <= BUDGET_MB.worker,
  }
}

if (await hasEngine()) {
  try {
    const report = await measure()
    console.log(JSON.stringify(report))
    process.exitCode = report.is_within_budget ? 0 : 1
  } finally {
    await removeImages('menagerie-size-*')
  }
} else {
  console.log(NO_ENGINE)
}
