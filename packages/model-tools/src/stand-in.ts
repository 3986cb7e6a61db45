import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { standInPath } from '@menagerie/model-files/cache-dir'
import { loadLabels } from '@menagerie/model-files/labels'
import { loadManifest } from '@menagerie/model-files/manifest'
import { isStandIn, STAND_IN_PRODUCER } from '@menagerie/model-files/stand-in-marker'
import proto from 'onnx-proto'
import { buildDenseNetGraph } from './densenet-graph.ts'

const TOPOLOGY = 'densenet-121'
const SIDE = 224
const CLASSES = 1000
const SEED = 121
const INPUT = 'input'
const OUTPUT = 'logits'
// Of 2020: any ONNX runtime still in use reads it. The file version is the one that came with the operator set.
const OPSET = 13
const IR_VERSION = 7

/**
 * An untrained DenseNet-121 as an ONNX file of 32 MB: `input [N,3,224,224]` → `logits [N,1000]`. It costs what the
 * trained one costs and knows nothing. The same bytes each time; takes about half a second.
 */
export function buildStandIn(): Uint8Array {
  const { nodes, initializers } = buildDenseNetGraph(INPUT, OUTPUT, SEED)
  return proto.onnx.ModelProto.encode({
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: STAND_IN_PRODUCER,
    docString:
      'DenseNet-121 with random weights: for tests, benchmarks and a first look. Its answers mean nothing.',
    graph: {
      name: TOPOLOGY,
      node: [...nodes],
      initializer: [...initializers],
      input: [describeTensor(INPUT, [3, SIDE, SIDE])],
      output: [describeTensor(OUTPUT, [CLASSES])],
    },
  }).finish()
}

export interface EnsureStandInOptions {
  readonly cacheDir: string
  readonly name: string
  readonly modelDir?: string | undefined
  /** Told when the stand-in for `name` is of another topology than that model. */
  readonly log?: { info(message: string): void } | undefined
}

/**
 * The path of the stand-in for a model, made first when it is not there yet. Every model gets the one topology; a
 * model whose input is not 224×224 or that has not 1000 classes gets an Error.
 */
export async function ensureStandIn({
  cacheDir,
  name,
  modelDir,
  log,
}: EnsureStandInOptions): Promise<string> {
  await assertFits(name, modelDir)
  if (name !== TOPOLOGY)
    log?.info(`the stand-in for ${name} is an untrained ${TOPOLOGY}: the only one there is`)
  const path = standInPath(resolve(cacheDir), name)
  if (await isMade(path)) return path

  // Several may make it at once: each writes a file of its own, all the same, and the last rename wins.
  const temporary = `${path}.${randomUUID()}.tmp`
  await mkdir(dirname(path), { recursive: true })
  try {
    await writeFile(temporary, buildStandIn(), { flush: true })
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}

async function assertFits(name: string, modelDir: string | undefined): Promise<void> {
  const loaded = await loadManifest(name, { modelDir })
  const { crop } = loaded.manifest.input
  const classes = (await loadLabels(loaded)).length
  if (crop === SIDE && classes === CLASSES) return
  throw new Error(
    `there is no stand-in for model "${name}": it takes ${crop}×${crop} pixels and has ${classes} classes, ` +
      `and only ${TOPOLOGY} with ${SIDE}×${SIDE} pixels and ${CLASSES} classes can be built`,
  )
}

async function isMade(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => null)
  return entry !== null && (await isStandIn(path))
}

/** A float tensor of any batch size. */
function describeTensor(name: string, dims: number[]): proto.onnx.IValueInfoProto {
  const dim = [{ dimParam: 'N' }, ...dims.map((dimValue) => ({ dimValue }))]
  return { name, type: { tensorType: { elemType: proto.onnx.TensorProto.DataType.FLOAT, shape: { dim } } } }
}
