/**
 * Guarantee: a photo reaches the model as torchvision would have shown it, and the model's answer is the same. The
 * reference crops were made with torchvision and Pillow, the reference answers from those crops.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import { createClassifier, type Classifier } from './classifier.ts'
import { decodeImage } from './decode-image.ts'
import { findFixtures, MOBILENET_INPUT } from './testing/fixtures.ts'
import { meanDifference } from './testing/raw-picture.ts'
import { cropAsTorchvision } from './testing/crop-as-torchvision.ts'

interface Reference {
  photo: string
  mobilenet_v2_top5: { index: number; probability: number }[]
}

const fixtures = findFixtures(process.env)
const MEAN_DIFFERENCE_MAX = 0.5
const PHOTOS = 49

const readReferences = async (): Promise<Reference[]> =>
  JSON.parse(await readFile(fixtures.path('golden', 'reference.json'), 'utf8'))
const readPhoto = ({ photo }: Reference): Promise<Buffer> => readFile(fixtures.path('photos', photo))

const readGolden = async ({ photo }: Reference): Promise<Buffer> => {
  const file = await readFile(fixtures.path('golden', 'preprocess', photo.replace('.jpg', '.png')))
  return sharp(file).raw().toBuffer()
}

test('every crop is that of torchvision, to half of 255', { skip: fixtures.skip }, async () => {
  const references = await readReferences()
  assert.equal(references.length, PHOTOS)
  for (const reference of references) {
    const crop = await decodeImage(await readPhoto(reference), MOBILENET_INPUT)
    const difference = meanDifference(crop, await readGolden(reference))
    assert.ok(difference <= MEAN_DIFFERENCE_MAX, `${reference.photo}: ${difference}`)
  }
})

test('the yardstick of the other tests is torchvision to the bit', { skip: fixtures.skip }, async () => {
  for (const reference of await readReferences()) {
    const image = sharp(await readPhoto(reference), { ignoreIcc: true })
      .toColourspace('srgb')
      .raw()
    const { data, info } = await image.toBuffer({ resolveWithObject: true })
    const picture = { width: info.width, height: info.height, channels: 3 as const, data }
    const golden = await readGolden(reference)
    assert.ok(golden.equals(cropAsTorchvision(picture, MOBILENET_INPUT)), reference.photo)
  }
})

describe('with trained weights', { skip: fixtures.skip }, () => {
  let classifier: Classifier
  before(async () => {
    classifier = await createClassifier({ modelPath: fixtures.modelPath, input: MOBILENET_INPUT, threads: 2 })
  })
  after(() => classifier.close())

  test('the best class of every photo is the reference’s, about as probable', async () => {
    const references = await readReferences()
    const answers = await Promise.all(
      references.map(async (reference) => classifier.classify(await readPhoto(reference), { topK: 5 })),
    )
    const disagreements = references.filter(
      ({ mobilenet_v2_top5 }, i) => mobilenet_v2_top5[0]?.index !== answers[i]?.topK[0]?.[0],
    )
    assert.deepEqual(
      disagreements.map(({ photo }) => photo),
      [],
    )
    for (const [i, { photo, mobilenet_v2_top5 }] of references.entries()) {
      const [, probability = 0] = answers[i]?.topK[0] ?? []
      const expected = mobilenet_v2_top5[0]?.probability ?? 0
      assert.ok(Math.abs(probability - expected) < 0.05, `${photo}: ${probability}, not ${expected}`)
    }
  })

  test('answers do not depend on what else is running', async () => {
    const references = (await readReferences()).slice(0, 8)
    const photos = await Promise.all(references.map(readPhoto))
    const together = await Promise.all(photos.map((photo) => classifier.classify(photo, { topK: 5 })))
    for (const [i, photo] of photos.entries()) {
      const alone = await classifier.classify(photo, { topK: 5 })
      assert.deepEqual(together[i]?.topK, alone.topK, references[i]?.photo)
    }
  })

  test('one session on two threads gives the answers that two sessions give', async (t) => {
    const options = { modelPath: fixtures.modelPath, input: MOBILENET_INPUT, threads: 1, intraOpThreads: 2 }
    const shared = await createClassifier(options)
    t.after(() => shared.close())
    for (const reference of (await readReferences()).slice(0, 8)) {
      const photo = await readPhoto(reference)
      const [expected, actual] = await Promise.all([
        classifier.classify(photo, { topK: 5 }),
        shared.classify(photo, { topK: 5 }),
      ])
      const [expectedIndexes, actualIndexes] = [expected, actual].map(({ topK }) => topK.map(([i]) => i))
      assert.deepEqual(actualIndexes, expectedIndexes, reference.photo)
      for (const [i, [, probability]] of actual.topK.entries()) {
        // Sums are split at other places, so the last digits may differ.
        const difference = Math.abs(probability - (expected.topK[i]?.[1] ?? 0))
        assert.ok(difference < 1e-4, `${reference.photo}: ${difference}`)
      }
    }
  })

  test('the main thread stays free while a run goes on', async () => {
    const [reference] = await readReferences()
    assert.ok(reference !== undefined)
    const photo = await readPhoto(reference)
    const order: string[] = []
    // More runs than threads: one of them begins when another ends. A run on this thread would hold up the timer.
    const runs = Array.from({ length: 6 }, () => classifier.classify(photo, { topK: 1 }))
    const timer = new Promise((resolve) => setTimeout(resolve, 1)).then(() => order.push('timer'))
    await Promise.all([...runs.map((run) => run.then(() => order.push('run'))), timer])
    assert.equal(order[0], 'timer')
  })
})
