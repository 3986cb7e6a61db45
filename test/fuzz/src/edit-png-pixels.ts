import { constants, deflateSync, inflateSync } from 'node:zlib'
import type { Mutate } from './image-format.ts'
import { flipBits, setNumbers } from './mutate-bytes.ts'

const ROWS_BYTES_MAX = 1_000_000

const inflateRows = (compressed: Buffer): Buffer | null => {
  try {
    // With this flag a stream that is cut off gives what it has.
    return inflateSync(compressed, { maxOutputLength: ROWS_BYTES_MAX, finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return null
  }
}

const makeChunk = (body: Buffer): Buffer => {
  const head = Buffer.from('\0\0\0\0IDAT', 'latin1')
  head.writeUInt32BE(body.length)
  // The checksum is left to the repair.
  return Buffer.concat([head, body, Buffer.alloc(4)])
}

/**
 * Damages the rows inside the compressed stream: filter types and samples. From outside no change gets there, since
 * the stream has a checksum of its own. The rows are stored, so the result does not depend on a compressor.
 */
export const editPngPixels: Mutate = (bytes, random, format) => {
  const chunks = format.listParts(bytes).filter(({ name }) => name === 'IDAT')
  const [first] = chunks
  const last = chunks.at(-1)
  if (first === undefined || last === undefined) return bytes
  const bodies = chunks.map(({ bodyStart, end }) => bytes.subarray(bodyStart, Math.max(bodyStart, end - 4)))
  const rows = inflateRows(Buffer.concat(bodies))
  if (rows === null) return bytes
  const edited = random.pick([flipBits, setNumbers])(rows, random, format)
  const chunk = makeChunk(deflateSync(edited, { level: 0 }))
  return Buffer.concat([bytes.subarray(0, first.start), chunk, bytes.subarray(last.end)])
}
