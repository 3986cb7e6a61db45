import type { ConfidenceRule } from '@menagerie/contract/model-manifest'
import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { createClassifier } from '@menagerie/inference/classifier'
import { DEFAULT_CONFIDENCE, isConfident } from '@menagerie/inference/confidence'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import type { ClassProbability } from '@menagerie/inference/top-k'
import { defaultCacheDir } from '@menagerie/model-files/cache-dir'
import { resolveModel } from '@menagerie/model-files/resolve-model'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DISTORTIONS, distort } from './distortions.ts'
import { readLabelledPhotos } from './labelled-photos.ts'
import { makeProbePictures } from './probe-pictures.ts'
import { round, wilsonInterval } from './statistics.ts'

// How much is `confident` worth? Labelled photos, the same photos distorted, and pictures of nothing go through the
// model once; every rule of the table is then applied to the same answers.
interface Answer {
  set: string
  ranked: ClassProbability[]
  isRight: boolean
}

const PROBABILITIES = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
const MARGINS = [0, 0.2, 0.3, 0.4, 0.5]
const PHOTOS = 'photos'

const { values } = parseArgs({ options: { photos: { type: 'string' } } })
const modelDir =
  process.env['MODEL_DIR'] || (FIXTURES_DIR === null ? undefined : join(FIXTURES_DIR, 'models'))
const folder = values.photos ?? (FIXTURES_DIR === null ? undefined : join(FIXTURES_DIR, 'photos'))
if (folder === undefined) throw new Error('no labelled photos here: name a folder with --photos')

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const model = await resolveModel({
  name: process.env['MODEL'] || 'mobilenet-v2',
  modelDir,
  cacheDir: process.env['MODEL_CACHE_DIR'] || defaultCacheDir(process.env),
  allowStandIn: false,
  download: false,
  log: { info: log, warn: log },
})

const askAll = async (): Promise<Answer[]> => {
  const photos = await readLabelledPhotos(folder, model.labels)
  // Before the classifier, which lets sharp read nothing but the types of pictures that are accepted.
  const probes = await makeProbePictures()
  const classifier = await createClassifier({
    modelPath: model.path,
    input: model.manifest.input,
    threads: readCpuBudget(),
  })
  const ask = async (set: string, bytes: Buffer, index: number | null): Promise<Answer> => {
    const { topK } = await classifier.classify(bytes, { topK: 2 })
    return { set, ranked: topK, isRight: topK[0]?.[0] === index }
  }
  try {
    const answers = await Promise.all(photos.map(({ bytes, index }) => ask(PHOTOS, bytes, index)))
    for (const how of Object.keys(DISTORTIONS)) {
      const asked = photos.map(async ({ bytes, index }) => ask(how, await distort(bytes, how), index))
      answers.push(...(await Promise.all(asked)))
    }
    answers.push(...(await Promise.all(probes.map(({ kind, bytes }) => ask(`only ${kind}`, bytes, null)))))
    return answers
  } finally {
    await classifier.close()
  }
}

const percent = (hits: number, count: number): string =>
  count === 0 ? '-' : `${Math.round((100 * hits) / count)} %`
const interval = (hits: number, count: number): string => {
  const [low, high] = wilsonInterval(hits, count)
  return `${Math.round(100 * low)}–${Math.round(100 * high)} %`
}

const judge = (answers: readonly Answer[], rule: ConfidenceRule) => {
  const confident = answers.filter(({ ranked }) => isConfident(ranked, rule))
  const right = answers.filter(({ isRight }) => isRight).length
  const confidentRight = confident.filter(({ isRight }) => isRight).length
  const wrong = answers.length - right
  return {
    count: answers.length,
    right,
    confident: confident.length,
    confidentRight,
    wrong,
    wrongFlagged: wrong - (confident.length - confidentRight),
  }
}

const logRules = (photos: readonly Answer[]): void => {
  log('| probability | margin | confident | of these right | 95 % interval | wrong ones flagged |')
  log('|---|---|---|---|---|---|')
  for (const probability_min of PROBABILITIES) {
    for (const margin_min of MARGINS) {
      const { count, confident, confidentRight, wrong, wrongFlagged } = judge(photos, {
        probability_min,
        margin_min,
      })
      const cells = [
        `≥ ${probability_min}`,
        `≥ ${margin_min}`,
        `${confident} of ${count}`,
        `${confidentRight} (${percent(confidentRight, confident)})`,
        interval(confidentRight, confident),
        `${wrongFlagged} of ${wrong}`,
      ]
      log(`| ${cells.join(' | ')} |`)
    }
  }
}

const logSets = (answers: readonly Answer[], rule: ConfidenceRule): void => {
  log(`\nWith probability ≥ ${rule.probability_min} and margin ≥ ${rule.margin_min}:\n`)
  log('| pictures | right | confident | of these right |')
  log('|---|---|---|---|')
  for (const set of new Set(answers.map(({ set }) => set))) {
    const { count, right, confident, confidentRight } = judge(
      answers.filter((answer) => answer.set === set),
      rule,
    )
    log(`| ${set} | ${right} of ${count} | ${confident} | ${confidentRight} |`)
  }
}

const rule = model.manifest.confidence ?? DEFAULT_CONFIDENCE
const answers = await askAll()
const photos = answers.filter(({ set }) => set === PHOTOS)
logRules(photos)
logSets(answers, rule)

const judged = judge(photos, rule)
const probes = judge(
  answers.filter(({ set }) => set.startsWith('only ')),
  rule,
)
const share = (hits: number, count: number): number | null => (count === 0 ? null : round(hits / count, 3))
console.log(
  JSON.stringify({
    bench: 'confidence',
    model: model.name,
    images: judged.count,
    ...rule,
    accuracy: share(judged.right, judged.count),
    confident_share: share(judged.confident, judged.count),
    accuracy_when_confident: share(judged.confidentRight, judged.confident),
    accuracy_when_unsure: share(judged.right - judged.confidentRight, judged.count - judged.confident),
    wrong_flagged_share: share(judged.wrongFlagged, judged.wrong),
    probes: probes.count,
    probes_confident_share: share(probes.confident, probes.count),
  }),
)
