import { MOBILENET_INPUT } from '@menagerie/inference/testing/fixtures'
import { CHANNEL_MEANS, encodeTinyModel } from '@menagerie/inference/testing/tiny-model'

/** The picture size of the real models, so that the decode path does what it does in a worker. */
export const FUZZ_INPUT = MOBILENET_INPUT

/** As many classes as colours, and no weights. */
export const FUZZ_MODEL = {
  classCount: 3,
  bytes: encodeTinyModel({ ...CHANNEL_MEANS, inputShape: ['N', 3, FUZZ_INPUT.crop, FUZZ_INPUT.crop] }),
}
