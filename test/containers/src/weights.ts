import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { buildStandIn } from '@menagerie/model-tools/stand-in'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Weights {
  model: string
  /** Laid out as MODEL_DIR, and readable for everybody. */
  dir: string
  isTrained: boolean
  remove: () => Promise<void>
}

/** The untrained DenseNet-121 in a folder of its own. */
export const makeStandIn = async (): Promise<Weights> => {
  const model = 'densenet-121'
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-weights-'))
  await mkdir(join(dir, model))
  await writeFile(join(dir, model, 'model.onnx'), buildStandIn())
  // Containers read it as another user, whatever the umask here.
  for (const path of [dir, join(dir, model), join(dir, model, 'model.onnx')]) await chmod(path, 0o755)
  return { model, dir, isTrained: false, remove: () => rm(dir, { recursive: true }) }
}

/** The trained MobileNetV2 where the fixtures are, else the stand-in. */
export const findWeights = async (): Promise<Weights> =>
  FIXTURES_DIR === null
    ? makeStandIn()
    : {
        model: 'mobilenet-v2',
        dir: join(FIXTURES_DIR, 'models'),
        isTrained: true,
        remove: async () => undefined,
      }
