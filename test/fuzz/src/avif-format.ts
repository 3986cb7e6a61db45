import { placeFields, type Field, type FieldPlan, type ImageFormat, type Part } from './image-format.ts'

const HEAD_BYTES = 8
// Version and flags, which a “full box” has before the rest.
const FULL_BYTES = 4

/** Boxes that hold boxes, with the bytes before the first of them. */
const CONTAINERS = new Map([
  ['meta', FULL_BYTES],
  ['iprp', 0],
  ['ipco', 0],
  ['iref', FULL_BYTES],
  ['iinf', FULL_BYTES + 2],
])

const BOX_PLANS: Record<string, readonly FieldPlan[]> = {
  ispe: [
    ['width', 4, 4, 'dimension'],
    ['height', 8, 4, 'dimension'],
  ],
  iloc: [
    ['version', 0, 1, 'code'],
    ['sizes', 4, 2, 'code'],
    ['items', 6, 2, 'length'],
    ['first item', 8, 2, 'code'],
    ['construction', 10, 2, 'code'],
    ['extents', 12, 2, 'length'],
    ['offset', 14, 4, 'length'],
    ['length', 18, 4, 'length'],
  ],
  ipma: [
    ['entries', 4, 4, 'length'],
    ['first item', 8, 2, 'code'],
    ['associations', 10, 1, 'length'],
    ['first property', 11, 1, 'code'],
  ],
  pitm: [['item', 4, 2, 'code']],
  infe: [
    ['version', 0, 1, 'code'],
    ['item', 4, 2, 'code'],
  ],
  pixi: [
    ['channels', 4, 1, 'length'],
    ['bits', 5, 1, 'code'],
  ],
  av1C: [
    ['profile', 1, 1, 'code'],
    ['depth and sampling', 2, 1, 'code'],
  ],
  colr: [
    ['primaries', 4, 2, 'code'],
    ['transfer', 6, 2, 'code'],
    ['matrix', 8, 2, 'code'],
  ],
}

const listBoxes = (bytes: Buffer, from: number, to: number): Part[] => {
  const parts: Part[] = []
  let at = from
  while (at + HEAD_BYTES <= to) {
    const size = bytes.readUInt32BE(at)
    // 0 means “to the end”, 1 that a longer size follows; what is shorter than its own head is damaged.
    const end = size < HEAD_BYTES ? to : Math.min(to, at + size)
    const name = bytes.toString('latin1', at + 4, at + HEAD_BYTES)
    const bodyStart = at + HEAD_BYTES
    parts.push({ name, nameStart: at + 4, start: at, bodyStart, end })
    const skipped = CONTAINERS.get(name)
    if (skipped !== undefined) parts.push(...listBoxes(bytes, bodyStart + skipped, end))
    at = end
  }
  return parts
}

const listParts = (bytes: Buffer): Part[] => listBoxes(bytes, 0, bytes.length)

const listFields = (bytes: Buffer): Field[] =>
  listParts(bytes).flatMap((part) =>
    placeFields(part, 'BE', [['length', -HEAD_BYTES, 4, 'length'], ...(BOX_PLANS[part.name] ?? [])]),
  )

/** ISO/IEC 14496-12 (boxes), 23008-12 (items and their properties), AV1 Image File Format 1.1. */
export const avifFormat: ImageFormat = {
  magic: Buffer.from('\0\0\0\x1cftypavif\0\0\0\0mif1avif', 'latin1'),
  // A box that is called `free` is skipped: the way to drop one without moving what others point at.
  partNames: [
    'free',
    'ispe',
    'irot',
    'imir',
    'clap',
    'pasp',
    'colr',
    'pixi',
    'av1C',
    'auxC',
    'idat',
    'iloc',
    'iref',
  ],
  listParts,
  listFields,
}
