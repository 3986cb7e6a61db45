/**
 * Guarantee, with trained weights: confident answers are mostly right and most wrong ones are unsure; among animals
 * alone, a thing does not become a confident animal.
 */
import type { ClassRange } from '@menagerie/contract/model-manifest'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test, type TestContext } from 'node:test'
import { createClassifier } from './classifier.ts'
import { findFixtures, MOBILENET_INPUT } from './testing/fixtures.ts'
import { paintPicture, paintSolid, toSharp } from './testing/raw-picture.ts'

const fixtures = findFixtures(process.env)
const ANIMALS: ClassRange = { first: 0, last: 397 }

const open = async (t: TestContext, classes: ClassRange | null) => {
  const options = { modelPath: fixtures.modelPath, input: MOBILENET_INPUT, threads: 2, classes }
  const classifier = await createClassifier(options)
  t.after(() => classifier.close())
  return classifier
}

const classifyPhotos = async (t: TestContext, classes: ClassRange | null) => {
  const classifier = await open(t, classes)
  const references = JSON.parse(await readFile(fixtures.path('golden', 'reference.json'), 'utf8')) as {
    photo: string
    index: number
  }[]
  return Promise.all(
    references.map(async ({ photo, index }) => {
      const bytes = await readFile(fixtures.path('photos', photo))
      const { topK, confident } = await classifier.classify(bytes, { topK: 5 })
      return { photo, index, topK, confident }
    }),
  )
}

const count = <T>(values: readonly T[], check: (value: T) => boolean): number => values.filter(check).length

describe('with trained weights', { skip: fixtures.skip }, () => {
  test('most answers are confident and nine of ten of those right; most wrong ones are unsure', async (t) => {
    const answers = await classifyPhotos(t, null)
    const isRight = ({ index, topK }: (typeof answers)[number]): boolean => topK[0]?.[0] === index
    const confident = answers.filter(({ confident }) => confident)
    const wrong = answers.length - count(answers, isRight)
    const confidentWrong = confident.length - count(confident, isRight)
    // Measured: 36 of 49 confident, 1 of those wrong, 9 wrong in all.
    assert.ok(confident.length >= 0.6 * answers.length, `${confident.length} confident`)
    assert.ok(confidentWrong <= 0.1 * confident.length, `${confidentWrong} confident and wrong`)
    assert.ok(confidentWrong <= 0.3 * wrong, `${confidentWrong} of ${wrong} wrong ones not flagged`)
  })

  test('pictures of one colour and of a gradient are unsure', async (t) => {
    const classifier = await open(t, null)
    const pictures = [
      ...[0, 128, 255].map((grey) => paintSolid(300, 300, [grey, grey, grey])),
      paintSolid(300, 300, [200, 30, 30]),
      paintPicture(300, 300, (x, y) => [(255 * x) / 300, (255 * y) / 300, 128]),
    ]
    for (const picture of pictures) {
      const { confident } = await classifier.classify(await toSharp(picture).png().toBuffer(), { topK: 1 })
      assert.equal(confident, false)
    }
  })

  test('among animals alone, animals are called what they were, and things stay unsure', async (t) => {
    const all = await classifyPhotos(t, null)
    const narrowed = await classifyPhotos(t, ANIMALS)
    for (const [i, { photo, index, topK, confident }] of narrowed.entries()) {
      assert.ok(
        topK.every(([best]) => best <= ANIMALS.last),
        photo,
      )
      assert.equal(topK.length, 5)
      const before = all[i]
      if (index > ANIMALS.last) assert.equal(confident, false, photo)
      else if (before?.confident === true) {
        assert.deepEqual([confident, topK[0]], [true, before.topK[0]], photo)
      }
    }
  })
})
