import type { Random } from '@menagerie/harness/random'
import { CLOSE, HOST, makeGoodPost, makeHead, TARGETS } from '../base-requests.ts'
import { pickHostile } from '../hostile-text.ts'
import { latin1, type BuildParts } from '../http-case.ts'

type Mutate = (bytes: Buffer, random: Random) => Buffer

const splice = (bytes: Buffer, at: number, removed: number, inserted: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)])

// Headers decide more than what follows them.
const pickOffset = (bytes: Buffer, random: Random): number =>
  random.integer(0, Math.max(0, (random.isOneIn(3) ? bytes.length : Math.min(250, bytes.length)) - 1))

const MUTATORS: Mutate[] = [
  (bytes, random) => splice(bytes, pickOffset(bytes, random), 1, Buffer.from([random.integer(0, 255)])),
  (bytes, random) => splice(bytes, pickOffset(bytes, random), random.integer(1, 30), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, pickOffset(bytes, random), 0, random.bytes(random.integer(1, 30))),
  (bytes, random) => splice(bytes, pickOffset(bytes, random), 0, latin1(pickHostile(random))),
  (bytes, random) =>
    splice(
      bytes,
      pickOffset(bytes, random),
      0,
      latin1(random.pick(['\r\n', '\n', '\r', '\0', ' ', ':', ';', ',', '"', '\t'])),
    ),
  (bytes, random) => {
    const from = pickOffset(bytes, random)
    return splice(bytes, pickOffset(bytes, random), 0, bytes.subarray(from, from + random.integer(1, 200)))
  },
]

/** A good request with a few bytes changed, wherever that leads. */
export const mutate: BuildParts = (random) => {
  let bytes = random.isOneIn(3)
    ? makeHead(`GET ${random.pick(TARGETS)} HTTP/1.1`, [HOST, CLOSE])
    : makeGoodPost(random, random.isOneIn(3) ? [['Idempotency-Key', `key-${random.integer(0, 1000)}`]] : [])
  const count = random.pick([1, 1, 2, 3, 8])
  for (let i = 0; i < count; i++) bytes = random.pick(MUTATORS)(bytes, random)
  return {
    description: `a good request with ${count} changes`,
    steps: [{ send: bytes }],
    // It may still be good, and then a client that closes its side early would not learn what it has made.
    ending: 'wait',
  }
}
