import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { createClassifier } from '@menagerie/inference/classifier'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { decodeImage } from '@menagerie/inference/decode-image'
import { meanDifference } from '@menagerie/inference/testing/raw-picture'
import { loadManifest } from '@menagerie/model-files/manifest'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readPreprocessSet, type ReferencePhoto } from './preprocess-set.ts'
import { median, round } from './statistics.ts'

// Does a photo reach the model as torchvision would have shown it, does the model give the same answer, and what does
// that take?
const { values } = parseArgs({
  options: {
    fixtures: { type: 'string', default: FIXTURES_DIR ?? '' },
    rounds: { type: 'string', default: '5' },
  },
})
const rounds = Number(values.rounds)
const log = (line: string): void => void process.stderr.write(`${line}\n`)

/** The weights of the set itself, else those of the fixtures. */
const findWeights = (dir: string): string => {
  const paths = [dir, FIXTURES_DIR ?? ''].map((parent) =>
    join(parent, 'models', 'mobilenet-v2', 'model.onnx'),
  )
  const path = paths.find((candidate) => existsSync(candidate))
  if (path === undefined) throw new Error(`there is no ${paths[0]}`)
  return path
}

const readFixtures = async (dir: string): Promise<{ photos: ReferencePhoto[]; modelPath: string }> => {
  if (dir === '') throw new Error('no photos and weights here: set FIXTURES_DIR or give --fixtures <folder>')
  return { photos: await readPreprocessSet(dir), modelPath: findWeights(dir) }
}

const fixtures = await readFixtures(values.fixtures).catch((error: Error) => {
  log(`preprocess: ${error.message}`)
  return process.exit(1)
})
const { photos, modelPath } = fixtures
const { input } = (await loadManifest('mobilenet-v2')).manifest
const classifier = await createClassifier({ modelPath, input, threads: readCpuBudget() })

/** Share of the photos whose best class is the reference's. */
const measureAgreement = async (): Promise<number> => {
  let agreeing = 0
  for (const { name, bytes, top1 } of photos) {
    const [best] = (await classifier.classify(bytes, { topK: 1 })).topK
    if (best?.[0] === top1) agreeing++
    else log(`${name}: class ${best?.[0]}, not ${top1}`)
  }
  return agreeing / photos.length
}

/** Mean absolute difference of each crop to torchvision's, of 255. */
const measureDifferences = async (): Promise<number[]> => {
  const differences: number[] = []
  for (const { name, bytes, cropPath } of photos) {
    if (cropPath === null) continue
    // Already scaled and cropped, so that this only decodes it.
    const expected = await decodeImage(await readFile(cropPath), { resize: input.crop, crop: input.crop })
    const difference = meanDifference(await decodeImage(bytes, input), expected)
    if (difference > 1) log(`${name}: its crop differs by ${difference.toFixed(2)}`)
    differences.push(difference)
  }
  return differences
}

const measureMsPerImage = async (): Promise<number> => {
  const startedAt = performance.now()
  for (const { bytes } of photos) await decodeImage(bytes, input)
  return (performance.now() - startedAt) / photos.length
}

try {
  log(`${photos.length} photos of ${values.fixtures}`)
  const agreement = await measureAgreement()
  const differences = await measureDifferences()
  const msPerImage: number[] = []
  for (let i = 0; i < rounds; i++) {
    msPerImage.push(await measureMsPerImage())
    log(`round ${i + 1}/${rounds}: ${msPerImage.at(-1)?.toFixed(2)} ms per image`)
  }
  console.log(
    JSON.stringify({
      bench: 'preprocess',
      agreement_top1: round(agreement, 4),
      mean_abs_diff: round(differences.reduce((sum, value) => sum + value, 0) / differences.length, 3),
      images: photos.length,
      ms_per_image: round(median(msPerImage), 2),
    }),
  )
} finally {
  await classifier.close()
}
