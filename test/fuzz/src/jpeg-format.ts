import { placeFields, type Field, type FieldPlan, type ImageFormat, type Part } from './image-format.ts'

const MARKER_BYTES = 2
const START_OF_IMAGE = 0xd8
const START_OF_SCAN = 0xda
const APP1 = 0xe1
const EXIF_HEADER = 'Exif\0\0'

// TEM, RST0 to RST7, SOI and EOI have neither length nor body.
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd9)
// SOF0 to SOF15, without DHT, JPG and DAC, whose markers lie between.
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)

/** Where the entropy-coded bytes end: at a marker that is neither a stuffed 0xff nor a restart. */
const findScanEnd = (bytes: Buffer, from: number): number => {
  for (let at = from; at + 1 < bytes.length; at++) {
    const next = bytes[at + 1] ?? 0
    if (bytes[at] === 0xff && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at
  }
  return bytes.length
}

/** Segments; what a scan codes belongs to its start-of-scan segment. */
const listParts = (bytes: Buffer): Part[] => {
  const parts: Part[] = []
  let at = 0
  while (at + MARKER_BYTES <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0
    const hasLength = !isBare(marker) && at + 4 <= bytes.length
    const stated = at + MARKER_BYTES + (hasLength ? Math.max(2, bytes.readUInt16BE(at + 2)) : 0)
    const end = marker === START_OF_SCAN ? findScanEnd(bytes, stated) : Math.min(bytes.length, stated)
    const bodyStart = Math.min(end, at + (hasLength ? 4 : 2))
    parts.push({ name: String.fromCharCode(marker), nameStart: at + 1, start: at, bodyStart, end })
    at = end
  }
  return parts
}

const planFrame = (componentCount: number): FieldPlan[] => [
  ['precision', 0, 1, 'code'],
  ['height', 1, 2, 'dimension'],
  ['width', 3, 2, 'dimension'],
  ['components', 5, 1, 'code'],
  ...Array.from({ length: componentCount }, (_, i): FieldPlan[] => [
    ['id', 6 + 3 * i, 1, 'code'],
    ['sampling', 7 + 3 * i, 1, 'code'],
    ['quantisation table', 8 + 3 * i, 1, 'code'],
  ]).flat(),
]

const planScan = (componentCount: number): FieldPlan[] => [
  ['components', 0, 1, 'code'],
  ...Array.from({ length: componentCount }, (_, i): FieldPlan => ['tables', 2 + 2 * i, 1, 'code']),
  ['spectral start', 1 + 2 * componentCount, 1, 'code'],
  ['spectral end', 2 + 2 * componentCount, 1, 'code'],
  ['approximation', 3 + 2 * componentCount, 1, 'code'],
]

/** The first directory of the TIFF inside: its place, its length, and each entry's type, count and value. */
const listExifFields = (bytes: Buffer, part: Part): Field[] => {
  const tiff = part.bodyStart + EXIF_HEADER.length
  const isExif = bytes.toString('latin1', part.bodyStart, tiff) === EXIF_HEADER
  if (!isExif || tiff + 10 > part.end) return []
  const endian = bytes[tiff] === 0x49 ? 'LE' : 'BE'
  const entryCount = Math.min(8, bytes[tiff + (endian === 'LE' ? 8 : 9)] ?? 0)
  const entries = Array.from({ length: entryCount }, (_, i): FieldPlan[] => [
    ['type', 12 + 12 * i, 2, 'code'],
    ['count', 14 + 12 * i, 4, 'length'],
    ['value', 18 + 12 * i, 2, 'code'],
  ])
  const plan: FieldPlan[] = [['directory', 4, 4, 'length'], ['entries', 8, 2, 'length'], ...entries.flat()]
  return placeFields({ ...part, name: 'EXIF', bodyStart: tiff }, endian, plan)
}

const listBodyFields = (bytes: Buffer, part: Part): Field[] => {
  const marker = part.name.charCodeAt(0)
  const componentsMax = 4
  if (isFrame(marker)) {
    const count = Math.min(componentsMax, bytes[part.bodyStart + 5] ?? 0)
    return placeFields({ ...part, name: 'SOF' }, 'BE', planFrame(count))
  }
  if (marker === START_OF_SCAN) {
    const count = Math.min(componentsMax, bytes[part.bodyStart] ?? 0)
    return placeFields({ ...part, name: 'SOS' }, 'BE', planScan(count))
  }
  return marker === APP1 ? listExifFields(bytes, part) : []
}

const listLengthFields = (part: Part): Field[] =>
  part.bodyStart === part.start + 4 ? placeFields(part, 'BE', [['length', -2, 2, 'length']]) : []

const listFields = (bytes: Buffer): Field[] =>
  listParts(bytes).flatMap((part) => listLengthFields(part).concat(listBodyFields(bytes, part)))

/** ITU-T T.81, annex B; Exif 2.3, section 4.6. */
export const jpegFormat: ImageFormat = {
  magic: Buffer.from([0xff, START_OF_IMAGE, 0xff]),
  // Baseline, extended, progressive, lossless, arithmetic; tables; restart interval; scan; end; APP1, APP14, comment.
  partNames: '\xc0\xc1\xc2\xc3\xc9\xca\xc4\xcc\xdb\xdd\xda\xd9\xe1\xee\xfe'.split(''),
  listParts,
  listFields,
}
