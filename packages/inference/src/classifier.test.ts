import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { ModelInput } from '@menagerie/contract/model-manifest'
import { createClassifier } from './classifier.ts'
import { MOBILENET_INPUT } from './testing/fixtures.ts'
import { paintSolid, toSharp } from './testing/raw-picture.ts'
import { CHANNEL_MEANS, encodeTinyModel } from './testing/tiny-model.ts'

const dir = await mkdtemp(join(tmpdir(), 'menagerie-classifier-'))
after(() => rm(dir, { recursive: true }))

const MODEL = join(dir, 'channel-means.onnx')
await writeFile(MODEL, encodeTinyModel(CHANNEL_MEANS))
const INPUT: ModelInput = { ...MOBILENET_INPUT, resize: 10, crop: 8 }

type Options = Partial<Parameters<typeof createClassifier>[0]>

const open = async (t: TestContext, options: Options = {}) => {
  const classifier = await createClassifier({ modelPath: MODEL, input: INPUT, threads: 1, ...options })
  t.after(() => classifier.close())
  return classifier
}

const makePicture = (...colour: number[]): Promise<Buffer> =>
  toSharp(paintSolid(30, 20, colour))
    .png()
    .toBuffer()

test('picture bytes become classes, and the bytes stay the caller’s', async (t) => {
  const classifier = await open(t)
  const bytes = await makePicture(20, 20, 240)
  const copy = Buffer.from(bytes)
  const { topK, preprocessMs, predictMs } = await classifier.classify(bytes, { topK: 3 })
  assert.deepEqual(
    topK.map(([index]) => index),
    [2, 1, 0],
  )
  assert.ok(preprocessMs > 0 && predictMs > 0)
  assert.deepEqual(bytes, copy)
})

test('a signal that is aborted ends it with its own reason, and the next one runs', async (t) => {
  const classifier = await open(t)
  const bytes = await makePicture(240, 20, 20)
  const reason = new Error('hand back')
  await assert.rejects(classifier.classify(bytes, { topK: 1, signal: AbortSignal.abort(reason) }), reason)

  const controller = new AbortController()
  const during = classifier.classify(bytes, { topK: 1, signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(during, reason)

  const { topK } = await classifier.classify(bytes, { topK: 1, signal: new AbortController().signal })
  assert.equal(topK[0]?.[0], 0)
})

test('a bad picture is refused with its code, and keeps no other from its answer', async (t) => {
  const classifier = await open(t)
  const good = await makePicture(20, 240, 20)
  const [bad, answer] = await Promise.allSettled([
    classifier.classify(Buffer.from('no picture'), { topK: 1 }),
    classifier.classify(good, { topK: 1 }),
  ])
  assert.equal(bad.status === 'rejected' && bad.reason.code, 'image_type_unsupported')
  assert.equal(answer.status === 'fulfilled' && answer.value.topK[0]?.[0], 1)
})

test('an answer is confident by the rule, whatever top_k was asked for', async (t) => {
  const bytes = await makePicture(250, 130, 10)
  const reference = await (await open(t)).classify(bytes, { topK: 2 })
  const [[, best] = [0, 0], [, second] = [0, 0]] = reference.topK
  const rule = { probability_min: best, margin_min: 0 }
  const CASES: [expected: boolean, confidence: Options['confidence']][] = [
    [true, rule],
    [false, { ...rule, probability_min: best + 1e-6 }],
    [true, { ...rule, margin_min: best - second }],
    [false, { ...rule, margin_min: best - second + 1e-6 }],
    [false, null],
  ]
  for (const [expected, confidence = null] of CASES) {
    const classifier = await open(t, { confidence })
    for (const topK of [1, 2, 3]) {
      const answer = await classifier.classify(bytes, { topK })
      assert.equal(answer.confident, expected, JSON.stringify(confidence))
      assert.equal(answer.topK.length, topK)
    }
  }
})

test('narrowed to some classes, it answers among those, and is no surer for it', async (t) => {
  const bytes = await makePicture(250, 130, 10)
  const all = await (await open(t)).classify(bytes, { topK: 3 })
  assert.equal(all.topK[0]?.[0], 0)
  const among = async (classes: { first: number; last: number }) => {
    const classifier = await open(t, { classes, confidence: { probability_min: 0, margin_min: 0 } })
    return classifier.classify(bytes, { topK: 3 })
  }
  const withoutBest = await among({ first: 1, last: 2 })
  assert.deepEqual(withoutBest.topK, all.topK.slice(1))
  assert.equal(withoutBest.confident, false)

  const withBest = await among({ first: 0, last: 0 })
  assert.deepEqual(withBest.topK, all.topK.slice(0, 1))
  assert.equal(withBest.confident, true)
})

test('a classifier without a model does not start', async () => {
  const options = { modelPath: join(dir, 'missing.onnx'), input: INPUT, threads: 1 }
  await assert.rejects(createClassifier(options), /missing\.onnx/)
})
