import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelInput } from '@menagerie/contract/model-manifest'

const BESIDE_THE_CHECKOUT = join(import.meta.dirname, '..', '..', '..', '..', '..', 'shared')

export interface Fixtures {
  /** Why a test that needs them is skipped; false where they are. */
  skip: string | false
  modelPath: string
  /** Path of something in the folder. */
  path(...parts: string[]): string
}

/**
 * Trained weights, labelled photos and reference crops, whose licences keep them out of this repository: in
 * FIXTURES_DIR, or in `shared` beside the checkout.
 */
export const findFixtures = (env: Record<string, string | undefined>): Fixtures => {
  const dir = env['FIXTURES_DIR'] ?? BESIDE_THE_CHECKOUT
  const modelPath = join(dir, 'models', 'mobilenet-v2', 'model.onnx')
  return {
    skip: existsSync(modelPath) ? false : 'no trained weights and photos here (set FIXTURES_DIR)',
    modelPath,
    path: (...parts) => join(dir, ...parts),
  }
}

export const MOBILENET_INPUT: ModelInput = {
  layout: 'NCHW',
  channels: 'RGB',
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
}
