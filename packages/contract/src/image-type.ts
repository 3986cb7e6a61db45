import { AppError } from './errors.ts'

/** Image types that a worker can decode. */
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'] as const
export type ImageType = (typeof IMAGE_TYPES)[number]

const ACCEPTED_TEXT = 'JPEG, PNG, WebP, GIF or AVIF'

/** How many leading bytes to look at, where there are so many; an SVG may begin with a declaration and a comment. */
export const SNIFF_BYTES = 256
// With these, every type is told from what is none, but for ISO base media files, which list their brands.
const SNIFF_BYTES_MIN = 32

const startsWith = (bytes: Uint8Array, offset: number, text: string): boolean => {
  if (bytes.length < offset + text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}

const readText = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end))

/** Bytes of the box that lists the brands of an ISO base media file (AVIF, HEIC, MP4); 0 for other files. */
const readBrandsBoxBytes = (head: Uint8Array): number =>
  startsWith(head, 4, 'ftyp') ? new DataView(head.buffer, head.byteOffset).getUint32(0) : 0

/** The major brand, and the compatible ones. */
const readBrands = (head: Uint8Array): string[] => {
  const boxBytes = readBrandsBoxBytes(head)
  if (boxBytes === 0) return []
  const brands = [readText(head, 8, 12)]
  // Bytes 12 to 15 are the version of the major brand.
  for (let at = 16; at + 4 <= Math.min(boxBytes, head.length); at += 4) {
    brands.push(readText(head, at, at + 4))
  }
  return brands
}

/** Whether enough of a file has arrived to tell its type. */
export const isHeadComplete = (head: Uint8Array): boolean =>
  head.length >= Math.max(SNIFF_BYTES_MIN, Math.min(readBrandsBoxBytes(head), SNIFF_BYTES))

// Some cameras write the general brand first (`ftypmif1`) and say what it is in the compatible ones.
const AVIF_BRANDS = ['avif', 'avis']
const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1']

const hasBrand = (head: Uint8Array, wanted: string[]): boolean =>
  readBrands(head).some((brand) => wanted.includes(brand))

const isSvg = (head: Uint8Array): boolean => {
  const text = readText(head, 0, SNIFF_BYTES)
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
  return text.startsWith('<') && /<svg[\s>]|<!DOCTYPE svg/.test(text)
}

/**
 * The type of an image by its magic bytes, or null when it is none that we take. What the client says the
 * file is does not count.
 */
export const sniffImageType = (head: Uint8Array): ImageType | null => {
  if (startsWith(head, 0, '\xff\xd8\xff')) return 'image/jpeg'
  if (startsWith(head, 0, '\x89PNG\r\n\x1a\n')) return 'image/png'
  if (startsWith(head, 0, 'RIFF') && startsWith(head, 8, 'WEBP')) return 'image/webp'
  if (startsWith(head, 0, 'GIF87a') || startsWith(head, 0, 'GIF89a')) return 'image/gif'
  if (hasBrand(head, AVIF_BRANDS)) return 'image/avif'
  return null
}

/** Whether a file begins like a ZIP archive, an empty one included. */
export const isZip = (head: Uint8Array): boolean =>
  startsWith(head, 0, 'PK\x03\x04') || startsWith(head, 0, 'PK\x05\x06')

const REFUSED: [what: string, isIt: (head: Uint8Array) => boolean][] = [
  ['a HEIC image', (head) => hasBrand(head, HEIC_BRANDS)],
  [
    'a TIFF image',
    (head) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].some((magic) => startsWith(head, 0, magic)),
  ],
  // Two letters are few; the four bytes behind the file's length are reserved and zero.
  ['a BMP image', (head) => startsWith(head, 0, 'BM') && startsWith(head, 6, '\0\0\0\0')],
  ['an ICO image', (head) => startsWith(head, 0, '\0\0\x01\0')],
  ['a JPEG XL image', (head) => startsWith(head, 0, '\xff\x0a') || startsWith(head, 0, '\0\0\0\x0cJXL ')],
  [
    'a JPEG 2000 image',
    (head) => startsWith(head, 0, '\0\0\0\x0cjP  ') || startsWith(head, 0, '\xff\x4f\xff\x51'),
  ],
  ['a PDF document', (head) => startsWith(head, 0, '%PDF-')],
  ['an SVG image', isSvg],
  ['a ZIP archive', isZip],
]

/**
 * The type of an image by its first bytes, `SNIFF_BYTES` of them where there are so many.
 *
 * @throws AppError `image_type_unsupported`, which says what the file is where that can be told
 */
export const requireImageType = (head: Uint8Array): ImageType => {
  const type = sniffImageType(head)
  if (type !== null) return type
  const what = REFUSED.find(([, isIt]) => isIt(head))?.[0] ?? 'not an image of a known type'
  throw new AppError('image_type_unsupported', `this is ${what}; accepted are ${ACCEPTED_TEXT}`)
}
