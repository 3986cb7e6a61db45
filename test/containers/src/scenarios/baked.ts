// A worker image with its weights inside needs no volume and no download.
import { waitUntil } from '@menagerie/harness/processes'
import { docker } from '../docker.ts'
import type { Scenario } from '../scenario.ts'
import { buildBakedWorker } from '../baked-worker.ts'

export const runBakedWorker = async ({ composition, weights }: Scenario): Promise<void> => {
  const image = 'menagerie-test-worker:baked'
  await buildBakedWorker(image, weights)
  const id = await docker([
    ['run', '--detach', '--read-only', '--network', `${composition.project}_default`],
    ['--env', 'REDIS_URL=redis://redis:6379', '--env', 'MODEL_DOWNLOAD=0'],
    ['--env', `ALLOW_STAND_IN=${weights.isTrained ? 0 : 1}`, image],
  ])
  try {
    const health = (): Promise<string> => docker(['inspect', '--format', '{{.State.Health.Status}}', id])
    await waitUntil('the worker is healthy', async () => (await health()) === 'healthy')
  } finally {
    await docker(['rm', '--force', id])
  }
}
