import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IMAGE_TYPES, SNIFF_BYTES, sniffImageType } from './image-type.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** The start of an ISO base media file with this major brand. */
const boxed = (brand: string): string => `\0\0\0\x1cftyp${brand}\0\0\0\0mif1miaf`

const KNOWN: [what: string, head: string, type: string][] = [
  ['JFIF', '\xff\xd8\xff\xe0\0\x10JFIF\0', 'image/jpeg'],
  ['Exif', '\xff\xd8\xff\xe1\0\x10Exif\0', 'image/jpeg'],
  ['a JPEG without an application segment', '\xff\xd8\xff\xdb\0\x43', 'image/jpeg'],
  ['PNG', '\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'image/png'],
  ['WebP', 'RIFF\x24\0\0\0WEBPVP8 ', 'image/webp'],
  ['GIF87a', 'GIF87a\x01\0\x01\0', 'image/gif'],
  ['GIF89a', 'GIF89a\x01\0\x01\0', 'image/gif'],
  ['AVIF', boxed('avif'), 'image/avif'],
  ['an AVIF sequence', boxed('avis'), 'image/avif'],
]
test('each type is known by its first bytes', () => {
  for (const [what, head, type] of KNOWN) {
    assert.equal(sniffImageType(bytes(head)), type, what)
    assert.equal(sniffImageType(bytes(head.padEnd(200, 'x')).subarray(0, SNIFF_BYTES)), type, what)
  }
})

test('there is an example for every accepted type', () => {
  assert.deepEqual(new Set(KNOWN.map(([, , type]) => type)), new Set(IMAGE_TYPES))
})

const UNKNOWN: [what: string, head: string][] = [
  ['nothing', ''],
  ['HEIC', boxed('heic')],
  ['HEIF with an AVIF only among its compatible brands', '\0\0\0\x1cftypmif1\0\0\0\0avif'],
  ['MP4', boxed('isom')],
  ['TIFF, little endian', 'II*\0\x08\0\0\0'],
  ['TIFF, big endian', 'MM\0*\0\0\0\x08'],
  ['BMP', 'BM\x46\0\0\0'],
  ['SVG', '<svg xmlns="http://www.w3.org/2000/svg">'],
  ['PDF', '%PDF-1.7'],
  ['text in a .jpg', 'this is not a picture'],
  ['half a JPEG marker', '\xff\xd8'],
  ['a PNG whose line ends were converted', '\x89PNG\n\x1a\n\0\0\0\rIHDR'],
  ['a PNG cut within its signature', '\x89PNG\r\n\x1a'],
  ['WAV', 'RIFF\x24\0\0\0WAVEfmt '],
  ['a RIFF cut before its kind', 'RIFF\x24\0\0\0WEB'],
  ['a GIF of no version', 'GIF90a\x01\0\x01\0'],
  ['a JPEG that does not begin at the first byte', ' \xff\xd8\xff\xe0'],
]
test('everything else is not accepted, however near it comes', () => {
  for (const [what, head] of UNKNOWN) assert.equal(sniffImageType(bytes(head)), null, what)
})
