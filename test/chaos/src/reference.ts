import { AppError } from '@menagerie/contract/errors'
import { makeJpeg } from '@menagerie/harness/pictures'
import { createClassifier, type Classifier } from '@menagerie/inference/classifier'
import { TINY_MODEL_INPUT, writeTinyModel } from '@menagerie/inference/testing/write-tiny-model'

export const CHAOS_MODEL = 'chaos-means'

/** What a prediction for a picture must come to. */
export type Expected =
  | { status: 'succeeded'; topK: (readonly [index: number, probability: number])[] }
  | { status: 'failed'; code: string }

export interface Picture {
  bytes: Buffer
  expected: Expected
}

const PICTURE_COUNT = 48
const CLASS_COUNT = 3
// Two answers that are closer than this could not be told apart.
const DISTANCE_MIN = 1e-4

const expect = async (classifier: Classifier, bytes: Buffer): Promise<Expected> => {
  try {
    const { topK } = await classifier.classify(bytes, { topK: CLASS_COUNT })
    return { status: 'succeeded', topK }
  } catch (thrown) {
    if (thrown instanceof AppError) return { status: 'failed', code: thrown.code }
    throw thrown
  }
}

const assertDistinct = (pictures: Picture[]): void => {
  const vectors = pictures.flatMap(({ expected }) =>
    expected.status === 'succeeded'
      ? [expected.topK.toSorted(([a], [b]) => a - b).map(([, probability]) => probability)]
      : [],
  )
  for (const [i, one] of vectors.entries()) {
    for (const other of vectors.slice(i + 1)) {
      const distance = Math.max(...one.map((value, k) => Math.abs(value - (other[k] ?? 0))))
      if (distance < DISTANCE_MIN) throw new Error('two pictures have the same answer')
    }
  }
}

/**
 * Writes the model of a run into `modelDir` and makes its pictures: each with the answer that the same classifier gives
 * in this process, all of them different; the last one cannot be decoded.
 */
export const makeReference = async (modelDir: string): Promise<Picture[]> => {
  const modelPath = await writeTinyModel(modelDir, CHAOS_MODEL)
  const classifier = await createClassifier({ modelPath, input: TINY_MODEL_INPUT, threads: 1 })
  try {
    const files: Buffer[] = []
    for (let seed = 0; seed < PICTURE_COUNT; seed++) {
      // Some take a worker long enough that it dies with them in its hands.
      const scale = seed % 4 === 0 ? 7 : 1
      files.push(await makeJpeg({ seed, width: (160 + seed * 3) * scale, height: (120 + seed) * scale }))
    }
    files.push((files[0] ?? Buffer.alloc(0)).subarray(0, 100))
    const pictures = []
    for (const bytes of files) pictures.push({ bytes, expected: await expect(classifier, bytes) })
    assertDistinct(pictures)
    return pictures
  } finally {
    await classifier.close()
  }
}
