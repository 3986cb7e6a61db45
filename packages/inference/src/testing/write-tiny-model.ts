import type { ModelManifest } from '@menagerie/contract/model-manifest'
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CHANNEL_MEANS, encodeTinyModel } from './tiny-model.ts'

const SIDE = 64

export const TINY_MODEL_INPUT: ModelManifest['input'] = {
  layout: 'NCHW',
  channels: 'RGB',
  resize: SIDE,
  crop: SIDE,
  interpolation: 'bilinear',
  scale: 1 / 255,
  mean: [0.5, 0.5, 0.5],
  // The means of pictures lie close together; this spreads their probabilities.
  std: [0.05, 0.05, 0.05],
}

/**
 * Writes a model of three classes, the means of the colours, where a worker finds it: quick, and another answer for each
 * picture. Returns the path of its weights.
 */
export const writeTinyModel = async (modelDir: string, name: string): Promise<string> => {
  const dir = join(modelDir, name)
  const weights = encodeTinyModel({ ...CHANNEL_MEANS, inputShape: ['N', 3, SIDE, SIDE] })
  const manifest: ModelManifest = {
    name,
    description: 'The means of the three colours',
    licence: 'Apache-2.0',
    source: 'made for a test',
    file: { sha256: createHash('sha256').update(weights).digest('hex'), bytes: weights.length, urls: [] },
    input: TINY_MODEL_INPUT,
    output: 'logits',
    labels: 'labels.json',
  }
  const labels = { 0: ['c0', 'red'], 1: ['c1', 'green'], 2: ['c2', 'blue'] }
  await mkdir(dir, { recursive: true })
  await writeFile(join(dir, 'model.onnx'), weights)
  await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest))
  await writeFile(join(dir, 'labels.json'), JSON.stringify(labels))
  return join(dir, 'model.onnx')
}
