import { placeFields, type Field, type FieldPlan, type ImageFormat, type Part } from './image-format.ts'

const RIFF_BYTES = 12
const HEAD_BYTES = 8
// What an animation frame has before its own chunks.
const FRAME_BYTES = 16

const CHUNK_PLANS: Record<string, readonly FieldPlan[]> = {
  VP8X: [
    ['flags', 0, 1, 'code'],
    ['width', 4, 3, 'dimension'],
    ['height', 7, 3, 'dimension'],
  ],
  // Behind the frame tag and the start code; the top two bits of each are a scale.
  'VP8 ': [
    ['tag', 0, 3, 'length'],
    ['width', 6, 2, 'dimension'],
    ['height', 8, 2, 'dimension'],
  ],
  // 14 bits of width, 14 of height, alpha, version.
  VP8L: [['size', 1, 4, 'length']],
  ALPH: [['method', 0, 1, 'code']],
  ANIM: [['loops', 4, 2, 'length']],
  ANMF: [
    ['x', 0, 3, 'dimension'],
    ['y', 3, 3, 'dimension'],
    ['width', 6, 3, 'dimension'],
    ['height', 9, 3, 'dimension'],
    ['duration', 12, 3, 'length'],
    ['flags', 15, 1, 'code'],
  ],
}

const listChunks = (bytes: Buffer, from: number, to: number): Part[] => {
  const parts: Part[] = []
  let at = from
  while (at + HEAD_BYTES <= to) {
    const size = bytes.readUInt32LE(at + 4)
    // Chunks begin at even places.
    const end = Math.min(to, at + HEAD_BYTES + size + (size % 2))
    const name = bytes.toString('latin1', at, at + 4)
    const bodyStart = at + HEAD_BYTES
    parts.push({ name, nameStart: at, start: at, bodyStart, end })
    if (name === 'ANMF') parts.push(...listChunks(bytes, bodyStart + FRAME_BYTES, end))
    at = end
  }
  return parts
}

const listParts = (bytes: Buffer): Part[] => listChunks(bytes, RIFF_BYTES, bytes.length)

const listFields = (bytes: Buffer): Field[] => [
  ...placeFields({ name: 'RIFF', nameStart: 0, start: 0, bodyStart: 0, end: bytes.length }, 'LE', [
    ['length', 4, 4, 'length'],
  ]),
  ...listParts(bytes).flatMap((part) =>
    placeFields(part, 'LE', [['length', -4, 4, 'length'], ...(CHUNK_PLANS[part.name] ?? [])]),
  ),
]

/** Makes the file's stated length the real one. */
const repair = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  if (copy.length >= HEAD_BYTES) copy.writeUInt32LE(copy.length - HEAD_BYTES, 4)
  return copy
}

/** RFC 9649, section 2; RFC 6386, section 9.1. */
export const webpFormat: ImageFormat = {
  magic: Buffer.from('RIFF\x40\0\0\0WEBPVP8 ', 'latin1'),
  partNames: ['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP', 'EXIF', 'XMP '],
  listParts,
  listFields,
  repair,
}
