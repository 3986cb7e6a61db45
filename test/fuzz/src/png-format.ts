import { crc32 } from 'node:zlib'
import { editPngPixels } from './edit-png-pixels.ts'
import { placeFields, type Field, type FieldPlan, type ImageFormat, type Part } from './image-format.ts'

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
// Length and type before the body, the checksum behind it.
const HEAD_BYTES = 8
const CHECKSUM_BYTES = 4

const HEADER_PLAN: readonly FieldPlan[] = [
  ['width', 0, 4, 'dimension'],
  ['height', 4, 4, 'dimension'],
  ['bit depth', 8, 1, 'code'],
  ['colour type', 9, 1, 'code'],
  ['compression', 10, 1, 'code'],
  ['filter', 11, 1, 'code'],
  ['interlace', 12, 1, 'code'],
]

const listParts = (bytes: Buffer): Part[] => {
  const parts: Part[] = []
  let at = SIGNATURE.length
  while (at + HEAD_BYTES <= bytes.length) {
    const stated = at + HEAD_BYTES + bytes.readUInt32BE(at) + CHECKSUM_BYTES
    const end = Math.min(bytes.length, stated)
    const name = bytes.toString('latin1', at + 4, at + HEAD_BYTES)
    parts.push({ name, nameStart: at + 4, start: at, bodyStart: at + HEAD_BYTES, end })
    at = end
  }
  return parts
}

const listFields = (bytes: Buffer): Field[] =>
  listParts(bytes).flatMap((part) =>
    placeFields(part, 'BE', [
      ['length', -HEAD_BYTES, 4, 'length'],
      ...(part.name === 'IHDR' ? HEADER_PLAN : []),
    ]),
  )

/** Makes every checksum fit its chunk. */
const repair = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes)
  for (const { nameStart, bodyStart, end } of listParts(copy)) {
    const checksumStart = end - CHECKSUM_BYTES
    if (checksumStart < bodyStart) continue
    copy.writeUInt32BE(crc32(copy.subarray(nameStart, checksumStart)), checksumStart)
  }
  return copy
}

/** PNG, third edition, sections 5 and 11. */
export const pngFormat: ImageFormat = {
  magic: SIGNATURE,
  partNames: [
    'IHDR',
    'PLTE',
    'IDAT',
    'IEND',
    'tRNS',
    'gAMA',
    'cHRM',
    'iCCP',
    'sBIT',
    'eXIf',
    'acTL',
    'fcTL',
    'fdAT',
  ],
  listParts,
  listFields,
  repair,
  ownMutators: [editPngPixels, editPngPixels],
}
