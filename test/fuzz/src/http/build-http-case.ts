import { createRandom } from '@menagerie/harness/random'
import { damageJson, sendNoPicture } from './cases/body-cases.ts'
import { damageForm } from './cases/form-cases.ts'
import { damageChunks, lieAboutLength, pipeline, smuggle } from './cases/framing-cases.ts'
import { damageHead, injectIntoHeaders, overloadHead } from './cases/header-cases.ts'
import { damageLine, speakAnotherProtocol } from './cases/line-cases.ts'
import { mutate } from './cases/mutated-cases.ts'
import { cutOff, dawdle, sendInPieces } from './cases/pace-cases.ts'
import { wander } from './cases/path-cases.ts'
import type { BuildParts, HttpCase } from './http-case.ts'

/** Of so many cases. Slow ones take seconds, so there are few. */
const SHARES: Array<[BuildParts, number]> = [
  [damageLine, 100],
  [speakAnotherProtocol, 30],
  [injectIntoHeaders, 120],
  [damageHead, 100],
  [overloadHead, 20],
  [smuggle, 120],
  [damageChunks, 60],
  [lieAboutLength, 50],
  [pipeline, 30],
  [damageForm, 130],
  [damageJson, 60],
  [sendNoPicture, 40],
  [wander, 140],
  [dawdle, 10],
  [cutOff, 50],
  [sendInPieces, 20],
  [mutate, 150],
]
const TOTAL = SHARES.reduce((sum, [, share]) => sum + share, 0)

/** Case `number` of a seed: a pure function of the two. */
export const buildHttpCase = (seed: number, number: number): HttpCase => {
  const random = createRandom(seed, number)
  let at = random.integer(0, TOTAL - 1)
  const [build] = SHARES.find(([, share]) => (at -= share) < 0) ?? [mutate]
  const parts = build(random, number)
  return {
    number,
    ...parts,
    description: `${build.name}: ${parts.description}`,
    bytes: Buffer.concat(parts.steps.flatMap((step) => ('send' in step ? [step.send] : []))),
  }
}
