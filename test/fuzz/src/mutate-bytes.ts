import type { Mutate } from './image-format.ts'
import type { Random } from '@menagerie/harness/random'

// Where sizes and counters overflow, change their sign, or are off by one.
const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const HEADER_BYTES = 128
const BLOCK_BYTES_MAX_LOG2 = 10

/** Every other time within the first bytes: headers decide more than pixels do. */
const pickOffset = (bytes: Buffer, random: Random): number => {
  const end = random.isOneIn(2) ? Math.min(HEADER_BYTES, bytes.length) : bytes.length
  return random.integer(0, Math.max(0, end - 1))
}

/** A stretch of up to 1024 bytes; short ones are as likely as long ones. */
const pickBlock = (bytes: Buffer, random: Random): { start: number; end: number } => {
  const start = pickOffset(bytes, random)
  const length = random.integer(1, 2 ** random.integer(0, BLOCK_BYTES_MAX_LOG2))
  return { start, end: Math.min(bytes.length, start + length) }
}

export const flipBits: Mutate = (bytes, random) => {
  const copy = Buffer.from(bytes)
  const count = random.pick([1, 1, 2, 4, 16])
  for (let i = 0; i < count && copy.length > 0; i++) {
    const offset = pickOffset(copy, random)
    copy[offset] = (copy[offset] ?? 0) ^ (1 << random.integer(0, 7))
  }
  return copy
}

/** Writes one or two interesting numbers of one to four bytes, in either byte order. */
export const setNumbers: Mutate = (bytes, random) => {
  const copy = Buffer.from(bytes)
  for (let i = random.integer(1, 2); i > 0; i--) {
    const size = random.pick([1, 2, 3, 4])
    if (copy.length < size) continue
    const offset = Math.min(pickOffset(copy, random), copy.length - size)
    const value = random.pick(INTERESTING.filter((number) => number < 256 ** size))
    if (random.isOneIn(2)) copy.writeUIntBE(value, offset, size)
    else copy.writeUIntLE(value, offset, size)
  }
  return copy
}

export const truncate: Mutate = (bytes, random) => bytes.subarray(0, pickOffset(bytes, random))

export const deleteBlock: Mutate = (bytes, random) => {
  const { start, end } = pickBlock(bytes, random)
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
}

export const repeatBlock: Mutate = (bytes, random) => {
  const { start, end } = pickBlock(bytes, random)
  const copies = Array.from({ length: random.pick([2, 3, 50]) }, () => bytes.subarray(start, end))
  return Buffer.concat([bytes.subarray(0, start), ...copies, bytes.subarray(end)])
}

export const insertGarbage: Mutate = (bytes, random) => {
  const { start, end } = pickBlock(bytes, random)
  return Buffer.concat([bytes.subarray(0, start), random.bytes(end - start), bytes.subarray(start)])
}

/** Copies a block of the file over another place in it. */
export const copyBlock: Mutate = (bytes, random) => {
  const copy = Buffer.from(bytes)
  const { start, end } = pickBlock(bytes, random)
  bytes.copy(copy, pickOffset(bytes, random), start, end)
  return copy
}

/** The beginning of one file and the end of another. */
export const spliceFiles = (bytes: Buffer, other: Buffer, random: Random): Buffer =>
  Buffer.concat([bytes.subarray(0, pickOffset(bytes, random)), other.subarray(pickOffset(other, random))])
