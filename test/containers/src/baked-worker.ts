import { docker } from './docker.ts'
import type { Weights } from './weights.ts'

const BUILDKIT = { DOCKER_BUILDKIT: '1' }
const WEIGHTS_IMAGE = 'menagerie-test-weights'

/** Builds the worker image with weights of a folder inside. */
export const buildBakedWorker = async (image: string, { model, dir, isTrained }: Weights): Promise<void> => {
  const build = ['build', '--quiet', '--file']
  await docker([build, 'deploy/docker/weights.Dockerfile', '--tag', WEIGHTS_IMAGE, dir], BUILDKIT)
  await docker(
    [
      [...build, 'deploy/docker/worker.Dockerfile', '--tag', image],
      ['--build-arg', `WEIGHTS_IMAGE=${WEIGHTS_IMAGE}`, '--build-arg', `BAKE_MODEL=${model}`],
      ['--build-arg', `ALLOW_STAND_IN=${isTrained ? 0 : 1}`, '.'],
    ],
    BUILDKIT,
  )
}
