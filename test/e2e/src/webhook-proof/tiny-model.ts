import type { ModelManifest } from '@menagerie/contract/model-manifest'
import type { Env } from '@menagerie/harness/processes'
import { CHANNEL_MEANS, encodeTinyModel } from '@menagerie/inference/testing/tiny-model'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const MODEL = 'quick-means'
const SIDE = 64

/** Writes a model that takes no time, the means of the three colours, and returns the settings that serve it. */
export const writeTinyModel = async (modelDir: string): Promise<Env> => {
  const weights = encodeTinyModel({ ...CHANNEL_MEANS, inputShape: ['N', 3, SIDE, SIDE] })
  const manifest: ModelManifest = {
    name: MODEL,
    description: 'The means of the three colours',
    licence: 'Apache-2.0',
    source: 'made for this test',
    file: { sha256: createHash('sha256').update(weights).digest('hex'), bytes: weights.length, urls: [] },
    input: {
      layout: 'NCHW',
      channels: 'RGB',
      resize: SIDE,
      crop: SIDE,
      interpolation: 'bilinear',
      scale: 1 / 255,
      mean: [0.5, 0.5, 0.5],
      std: [0.05, 0.05, 0.05],
    },
    output: 'logits',
    labels: 'labels.json',
  }
  const folder = join(modelDir, MODEL)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.onnx'), weights)
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  const labels = { 0: ['c0', 'red'], 1: ['c1', 'green'], 2: ['c2', 'blue'] }
  await writeFile(join(folder, 'labels.json'), JSON.stringify(labels))
  return { MODEL, MODEL_DIR: modelDir, MODEL_DOWNLOAD: '0' }
}
