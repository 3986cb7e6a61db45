import type { Field, ImageFormat, Mutate, Part } from './image-format.ts'
import { flipBits, setNumbers } from './mutate-bytes.ts'
import type { Random } from '@menagerie/harness/random'

// Around the sides where the decode path changes its mind: 256 (enlarge or shrink), 1 : 100, 50 megapixels (7071 is
// the last square below), and the largest sides that WebP (16383), JPEG (65500) and the fields themselves can have.
const DIMENSIONS = [
  0, 1, 2, 3, 8, 16, 255, 256, 257, 1000, 4096, 7071, 7072, 16_383, 16_384, 25_700, 32_768, 65_500, 65_535,
  65_536, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff,
]
const PICTURE_SIZES = [
  [7071, 7071],
  [7072, 7071],
  [10_000, 5_000],
  [70_000, 700],
  [700, 70_000],
  [1, 5_000],
  [5_000, 1],
  [256, 256],
  [1, 1],
  [16_383, 3_051],
  [3_000, 2_000],
  [0xffffff, 0xffffff],
] as const
const LENGTHS = [0, 1, 2, 3, 4, 7, 8, 255, 256, 0xffff, 0xffffff, 0x7fffffff, 0x80000000, 0xffffffff]
const CODES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 17, 0x21, 0x22, 0x41, 0x44, 0x7f, 0x80, 0xff]

export const readField = (bytes: Buffer, { offset, size, endian }: Field): number =>
  endian === 'BE' ? bytes.readUIntBE(offset, size) : bytes.readUIntLE(offset, size)

/** Writes as much of the value as the field has room for. */
const writeField = (bytes: Buffer, { offset, size, endian }: Field, value: number): void => {
  const rest = value % 256 ** size
  if (endian === 'BE') bytes.writeUIntBE(rest, offset, size)
  else bytes.writeUIntLE(rest, offset, size)
}

const pickValue = (bytes: Buffer, field: Field, random: Random): number => {
  const max = 256 ** field.size - 1
  const current = readField(bytes, field)
  const near = [current - 1, current + 1, current + 4, 2 * current, Math.floor(current / 2)]
  const known = { dimension: DIMENSIONS, length: LENGTHS, code: CODES }[field.kind]
  const candidates = [...known, ...near, random.integer(0, max)]
  return random.pick(candidates.filter((value) => value >= 0 && value <= max))
}

/** Sets one or two header fields to values that matter. */
export const editFields: Mutate = (bytes, random, format) => {
  const fields = format.listFields(bytes)
  if (fields.length === 0) return bytes
  const copy = Buffer.from(bytes)
  for (let i = random.integer(1, 2); i > 0; i--) {
    const field = random.pick(fields)
    writeField(copy, field, pickValue(copy, field, random))
  }
  return copy
}

/** Claims another width and height: a bomb, a strip, a picture without pixels. */
export const resizePicture: Mutate = (bytes, random, format) => {
  const fields = format.listFields(bytes).filter(({ kind }) => kind === 'dimension')
  if (fields.length === 0) return bytes
  const copy = Buffer.from(bytes)
  const [width, height] = random.pick(PICTURE_SIZES)
  const owner = random.pick(fields).name.split('.')[0]
  // Formats that say their size in several places can be told the same everywhere.
  const isEverywhere = random.isOneIn(2)
  for (const field of fields) {
    if (isEverywhere || field.name.startsWith(`${owner}.`)) {
      writeField(copy, field, /width|left|x$/.test(field.name) ? width : height)
    }
  }
  return copy
}

const pickPart = (bytes: Buffer, format: ImageFormat, random: Random): Part | null => {
  const parts = format.listParts(bytes)
  return parts.length === 0 ? null : random.pick(parts)
}

const pickLongestPart = (bytes: Buffer, format: ImageFormat): Part | null =>
  format.listParts(bytes).toSorted((a, b) => b.end - b.start - (a.end - a.start))[0] ?? null

/** Damages the content of one part: every other time the longest, where the pixels are; else any table or profile. */
export const editBody: Mutate = (bytes, random, format) => {
  const part = random.isOneIn(2) ? pickLongestPart(bytes, format) : pickPart(bytes, format, random)
  if (part === null || part.bodyStart >= part.end) return bytes
  const mutate = random.pick([flipBits, setNumbers])
  const body = mutate(bytes.subarray(part.bodyStart, part.end), random, format)
  return Buffer.concat([bytes.subarray(0, part.bodyStart), body, bytes.subarray(part.end)])
}

export const dropPart: Mutate = (bytes, random, format) => {
  const part = pickPart(bytes, format, random)
  return part === null ? bytes : Buffer.concat([bytes.subarray(0, part.start), bytes.subarray(part.end)])
}

/** Puts one part, once or often, in front of another. */
export const repeatPart: Mutate = (bytes, random, format) => {
  const part = pickPart(bytes, format, random)
  const target = pickPart(bytes, format, random)
  if (part === null || target === null) return bytes
  const copies = Array.from({ length: random.pick([1, 1, 2, 100]) }, () =>
    bytes.subarray(part.start, part.end),
  )
  return Buffer.concat([bytes.subarray(0, target.start), ...copies, bytes.subarray(target.start)])
}

/** Gives a part the name of another kind. */
export const renamePart: Mutate = (bytes, random, format) => {
  const part = pickPart(bytes, format, random)
  if (part === null) return bytes
  const copy = Buffer.from(bytes)
  copy.write(random.pick(format.partNames), part.nameStart, 'latin1')
  return copy
}
