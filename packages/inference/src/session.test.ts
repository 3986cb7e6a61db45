import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createModelSession } from './session.ts'
import { CHANNEL_MEANS, encodeTinyModel, type TinyModel } from './testing/tiny-model.ts'

const dir = await mkdtemp(join(tmpdir(), 'menagerie-session-'))
after(() => rm(dir, { recursive: true }))

let written = 0
const writeModel = async (bytes: Uint8Array): Promise<string> => {
  const path = join(dir, `${written++}.onnx`)
  await writeFile(path, bytes)
  return path
}
const openTiny = async (model: TinyModel, size = 8) =>
  createModelSession(await writeModel(encodeTinyModel(model)), size)

/** Planes of 1, 2 and 3, so that the channel means are just these. */
const PLANES = Float32Array.from({ length: 3 * 64 }, (_, i) => 1 + Math.floor(i / 64))

const GOOD: [what: string, model: TinyModel][] = [
  ['a batch of any size and [N, C, 1, 1]', CHANNEL_MEANS],
  ['a batch of one', { ...CHANNEL_MEANS, inputShape: [1, 3, 8, 8], outputShape: [1, 3, 1, 1] }],
  [
    'plain [N, C]',
    { operators: ['GlobalAveragePool', 'Flatten'], inputShape: ['N', 3, 8, 8], outputShape: ['N', 3] },
  ],
]
for (const [what, model] of GOOD) {
  test(`a model with ${what} runs, whatever its tensors are called`, async () => {
    const session = await openTiny(model)
    assert.equal(session.classCount, 3)
    assert.deepEqual(session.input, { name: 'picture', type: 'float32', shape: model.inputShape })
    assert.deepEqual(session.output, { name: 'scores', type: 'float32', shape: model.outputShape })
    assert.deepEqual(await session.run(PLANES), Float32Array.from([1, 2, 3]))
    await session.release()
  })
}

const REFUSED: [what: string, inputShape: (number | string)[], size: number][] = [
  ['another size than the manifest', ['N', 3, 8, 8], 224],
  ['a batch that is fixed at two', [2, 3, 8, 8], 8],
  ['one channel', ['N', 1, 8, 8], 8],
  ['the channels last', ['N', 8, 8, 3], 8],
]
for (const [what, inputShape, size] of REFUSED) {
  test(`a model with ${what} is refused, with both shapes`, async () => {
    const model = {
      ...CHANNEL_MEANS,
      inputShape,
      outputShape: [inputShape[0] ?? 1, inputShape[1] ?? 1, 1, 1],
    }
    const shape = `[${inputShape.join(', ')}]`
    await assert.rejects(openTiny(model, size), (error: Error) => {
      assert.ok(error.message.includes(shape), error.message)
      assert.ok(error.message.includes(`[N, 3, ${size}, ${size}]`), error.message)
      return true
    })
  })
}

test('a file that is no model, or none at all, is an error that names it', async () => {
  const path = await writeModel(Buffer.from('this is not a model'))
  await assert.rejects(createModelSession(path, 8), (error: Error) => error.message.includes(path))
  await assert.rejects(createModelSession(join(dir, 'missing.onnx'), 8), /missing\.onnx/)
})
