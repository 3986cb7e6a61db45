import { placeFields, type Field, type FieldPlan, type ImageFormat, type Part } from './image-format.ts'

const HEADER_BYTES = 13
const EXTENSION = '!'
const IMAGE = ','
const TRAILER = ';'
const IMAGE_HEAD_BYTES = 10

const SCREEN_PLAN: readonly FieldPlan[] = [
  ['width', 6, 2, 'dimension'],
  ['height', 8, 2, 'dimension'],
  ['flags', 10, 1, 'code'],
  ['background', 11, 1, 'code'],
]
const IMAGE_PLAN: readonly FieldPlan[] = [
  ['left', 0, 2, 'dimension'],
  ['top', 2, 2, 'dimension'],
  ['width', 4, 2, 'dimension'],
  ['height', 6, 2, 'dimension'],
  ['flags', 8, 1, 'code'],
]
const EXTENSION_PLAN: readonly FieldPlan[] = [
  ['label', 0, 1, 'code'],
  ['length', 1, 1, 'length'],
  ['flags', 2, 1, 'code'],
  ['delay', 3, 2, 'length'],
  ['transparent', 5, 1, 'code'],
]

/** Bytes of the colour table that the flags announce. */
const countTableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1))

/** The end of a chain of sub-blocks, each of which begins with its length; an empty one ends it. */
const skipSubBlocks = (bytes: Buffer, from: number): number => {
  let at = from
  while (at < bytes.length && bytes[at] !== 0) at += 1 + (bytes[at] ?? 0)
  return Math.min(bytes.length, at + 1)
}

const findImageData = (bytes: Buffer, start: number): number =>
  Math.min(bytes.length, start + IMAGE_HEAD_BYTES + countTableBytes(bytes[start + 9] ?? 0))

const findBlockEnd = (bytes: Buffer, start: number, name: string): number => {
  if (name === EXTENSION) return skipSubBlocks(bytes, start + 2)
  if (name === IMAGE) return skipSubBlocks(bytes, findImageData(bytes, start) + 1)
  return name === TRAILER ? start + 1 : bytes.length
}

const listParts = (bytes: Buffer): Part[] => {
  const parts: Part[] = []
  let at = HEADER_BYTES + countTableBytes(bytes[10] ?? 0)
  while (at < bytes.length) {
    const name = String.fromCharCode(bytes[at] ?? 0)
    const end = Math.min(bytes.length, findBlockEnd(bytes, at, name))
    parts.push({ name, nameStart: at, start: at, bodyStart: at + 1, end })
    at = end
  }
  return parts
}

const listBlockFields = (bytes: Buffer, part: Part): Field[] => {
  if (part.name === EXTENSION) return placeFields(part, 'LE', EXTENSION_PLAN)
  if (part.name !== IMAGE) return []
  const dataOffset = findImageData(bytes, part.start) - part.bodyStart
  return placeFields(part, 'LE', [
    ...IMAGE_PLAN,
    ['code size', dataOffset, 1, 'code'],
    ['length', dataOffset + 1, 1, 'length'],
  ])
}

const listFields = (bytes: Buffer): Field[] => [
  ...placeFields(
    { name: 'screen', nameStart: 0, start: 0, bodyStart: 0, end: bytes.length },
    'LE',
    SCREEN_PLAN,
  ),
  ...listParts(bytes).flatMap((part) => listBlockFields(bytes, part)),
]

/** GIF89a, sections 17 to 27. */
export const gifFormat: ImageFormat = {
  magic: Buffer.from('GIF89a', 'latin1'),
  partNames: [EXTENSION, IMAGE, TRAILER],
  listParts,
  listFields,
}
