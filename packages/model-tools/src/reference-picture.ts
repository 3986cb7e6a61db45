import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ClassRange } from '@menagerie/contract/model-manifest'
import type { Settings } from './settings.ts'

/** What a picture is checked with; what is null is not checked. */
export interface PictureCheck {
  readonly picture: string | null
  /** Logits that were recorded for this picture. */
  readonly logits: string | null
  /** Classes of which the best one must be one. */
  readonly expect: ClassRange | null
  /** Where a picture was looked for, when there is none. */
  readonly missing: string
}

// A kitten, and the logits that the test suite of Windows ML recorded for it with a DenseNet-121 whose output has the
// name of this one's. The classes are the five cats of ImageNet, from tabby to Egyptian_cat.
const REFERENCES: Record<string, { picture: string; logits: string; expect: ClassRange }> = {
  'densenet-121': {
    picture: 'kitten_224.png',
    logits: 'densenet121_kitten_logits.csv',
    expect: { first: 281, last: 285 },
  },
}

/** The picture to verify a model with: the caller's, else the model's own where it is here. */
export function findPicture(
  name: string,
  asked: { picture?: string | undefined; logits?: string | undefined; expect?: ClassRange | undefined },
  { fixturesDir }: Settings,
): PictureCheck {
  const reference = REFERENCES[name]
  const expect = asked.expect ?? reference?.expect ?? null
  if (asked.picture !== undefined || reference === undefined) {
    const missing = 'no picture was named (--picture <file>, and --expect <class> to check the answer)'
    return { picture: asked.picture ?? null, logits: asked.logits ?? null, expect, missing }
  }
  const folder = join(fixturesDir, 'models', name)
  const picture = join(folder, reference.picture)
  const logits = asked.logits ?? join(folder, reference.logits)
  return {
    picture: existsSync(picture) ? picture : null,
    logits: existsSync(logits) || asked.logits !== undefined ? logits : null,
    expect,
    missing: `${picture} is not there: set FIXTURES_DIR, or name a photo of a cat with --picture <file>`,
  }
}
