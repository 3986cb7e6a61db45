import { readFile } from 'node:fs/promises'
import type { ClassRange, Label, ModelInput } from '@menagerie/contract/model-manifest'
import { configureSharp } from '@menagerie/inference/configure-sharp'
import { decodeImage } from '@menagerie/inference/decode-image'
import { createNormalizer } from '@menagerie/inference/normalize'
import type { ModelSession } from '@menagerie/inference/session'
import { pickTopK } from '@menagerie/inference/top-k'
import { measureDistance, readLogits } from './logits-distance.ts'
import type { PictureCheck } from './reference-picture.ts'
import type { Report } from './report.ts'

interface VerifiedModel {
  readonly session: ModelSession
  readonly input: ModelInput
  readonly labels: readonly Label[]
}

/** How the logits of our reference were recorded: the pixels as they are, RGB, ImageNet's mean and deviation. */
const asRecorded = (input: ModelInput): ModelInput => ({
  ...input,
  channels: 'RGB',
  resize: input.crop,
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
})

async function runPicture(session: ModelSession, bytes: Buffer, input: ModelInput): Promise<Float32Array> {
  return session.run(createNormalizer(input)(await decodeImage(bytes, input)))
}

/** Runs a picture as a worker would and checks its best class; says how far its logits are from recorded ones. */
export async function verifyPicture(
  report: Report,
  model: VerifiedModel,
  { picture, logits, expect, missing }: PictureCheck,
): Promise<void> {
  if (picture === null) return report.add('not verified', 'picture', missing)
  configureSharp()
  const bytes = await readFile(picture)
  const answer = await runPicture(model.session, bytes, model.input)
  const top5 = pickTopK(answer, 5)
  judgeBest(report, picture, top5[0]?.[0] ?? -1, expect)
  for (const [index, probability] of top5) {
    report.note(`${probability.toFixed(4)}  ${nameClass(model.labels, index)}`)
  }
  if (logits === null) {
    report.add('not verified', 'logits', 'there are none to compare with (--logits <file>)')
    return
  }
  const recorded = await readLogits(logits)
  const other = await runPicture(model.session, bytes, asRecorded(model.input))
  report.note('distance to the recorded logits, a yardstick and not a test:')
  report.note(`as the manifest says   ${describeDistance(answer, recorded)}`)
  report.note(`RGB, ImageNet's mean    ${describeDistance(other, recorded)}`)
}

function judgeBest(report: Report, picture: string, best: number, expect: ClassRange | null): void {
  if (expect === null) {
    report.add('not verified', 'picture', `${picture}: no class was named (--expect <class>)`)
    return
  }
  const { first, last } = expect
  const range = first === last ? `class ${first}` : `a class from ${first} to ${last}`
  const isExpected = best >= first && best <= last
  report.add(isExpected ? 'ok' : 'FAILED', 'picture', `${picture}: must be ${range}, is ${best}`)
}

function nameClass(labels: readonly Label[], index: number): string {
  return `${index} ${labels[index]?.[1] ?? '(no label)'}`
}

function describeDistance(answer: Float32Array, recorded: Float32Array): string {
  const { meanDifference, maxDifference, cosine, commonTop5 } = measureDistance(answer, recorded)
  return (
    `mean ${meanDifference.toFixed(3)}, max ${maxDifference.toFixed(3)}, cosine ${cosine.toFixed(4)}, ` +
    `${commonTop5} of 5 best in common`
  )
}
