import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ModelManifest } from '@menagerie/contract/model-manifest'
import { STAND_IN_PRODUCER } from '../stand-in-marker.ts'

/** An empty MODEL_DIR and an empty cache, removed when the test ends. */
export async function makeDirs(t: TestContext): Promise<{ modelDir: string; cacheDir: string }> {
  const root = await mkdtemp(join(tmpdir(), 'menagerie-model-files-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const dirs = { modelDir: join(root, 'models'), cacheDir: join(root, 'cache') }
  await mkdir(dirs.modelDir)
  await mkdir(dirs.cacheDir)
  return dirs
}

export async function putFile(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}

/** Puts a small model, `tiny`, and its two labels into a MODEL_DIR; no weights. */
export async function putManifest(
  modelDir: string,
  file: ModelManifest['file'],
  changes: Record<string, unknown> = {},
): Promise<void> {
  const manifest: ModelManifest = {
    name: 'tiny',
    description: 'a model of a test',
    licence: 'none',
    source: 'a test',
    file,
    input: {
      layout: 'NCHW',
      channels: 'RGB',
      resize: 8,
      crop: 8,
      interpolation: 'bilinear',
      scale: 1,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
    output: 'logits',
    labels: 'labels.json',
  }
  await putFile(join(modelDir, 'tiny', 'manifest.json'), JSON.stringify({ ...manifest, ...changes }))
  await putFile(join(modelDir, 'tiny', 'labels.json'), '{"1":["n2","dog"],"0":["n1","cat"]}')
}

/** The head of an ONNX file: ir_version, producer_name, an empty graph. */
export function onnxHeader(producer: string = STAND_IN_PRODUCER): Buffer {
  return Buffer.from([8, 7, 0x12, producer.length, ...Buffer.from(producer), 0x3a, 0])
}
