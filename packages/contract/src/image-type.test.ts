import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from './errors.ts'
import { IMAGE_TYPES, isHeadComplete, requireImageType, SNIFF_BYTES, sniffImageType } from './image-type.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

/** The first box of an ISO base media file: its major brand and the compatible ones. */
const boxed = (major: string, compatible: string[] = ['mif1', 'miaf']): string =>
  `\0\0\0${String.fromCharCode(16 + 4 * compatible.length)}ftyp${major}\0\0\0\0${compatible.join('')}`

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
  ['an AVIF that names itself HEIF first', boxed('mif1', ['miaf', 'MA1B', 'avif']), 'image/avif'],
]
test('each type is known by its first bytes', () => {
  for (const [what, head, type] of KNOWN) {
    assert.equal(sniffImageType(bytes(head)), type, what)
    assert.equal(
      sniffImageType(bytes(head.padEnd(2 * SNIFF_BYTES, 'x')).subarray(0, SNIFF_BYTES)),
      type,
      what,
    )
  }
})

test('there is an example for every accepted type', () => {
  assert.deepEqual(new Set(KNOWN.map(([, , type]) => type)), new Set(IMAGE_TYPES))
})

const UNKNOWN: [what: string, head: string][] = [
  ['nothing', ''],
  ['HEIC', boxed('heic')],
  ['HEIF of no known codec', boxed('mif1', ['miaf'])],
  ['HEIF with "avif" only behind its list of brands', `${boxed('mif1', ['heic'])}avif`],
  ['MP4', boxed('isom', ['mp41'])],
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

const NAMED: [what: string, head: string][] = [
  ['a HEIC image', boxed('heic', ['mif1', 'heic'])],
  ['a HEIC image', boxed('heix', [])],
  ['a HEIC image', boxed('mif1', ['miaf', 'heic'])],
  ['a TIFF image', 'II*\0\x08\0\0\0'],
  ['a TIFF image', 'MM\0*\0\0\0\x08'],
  ['a BMP image', 'BM\x46\x10\0\0\0\0\0\0\x36\0\0\0'],
  ['an ICO image', '\0\0\x01\0\x01\0\x10\x10'],
  ['a JPEG XL image', '\xff\x0a\xfa\x1f'],
  ['a JPEG XL image', '\0\0\0\x0cJXL \r\n\x87\n'],
  ['a JPEG 2000 image', '\0\0\0\x0cjP  \r\n\x87\n'],
  ['a JPEG 2000 image', '\xff\x4f\xff\x51\0\x2f'],
  ['a PDF document', '%PDF-1.7'],
  ['an SVG image', '<svg xmlns="http://www.w3.org/2000/svg">'],
  [
    'an SVG image',
    '\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<!-- made by hand -->\n<svg width="9">',
  ],
  ['an SVG image', '\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"'],
  ['not an image of a known type', ''],
  ['not an image of a known type', 'BMX bikes'],
  ['not an image of a known type', 'what <svg> means'],
  ['not an image of a known type', '<!DOCTYPE html><html>'],
  ['not an image of a known type', boxed('isom', ['mp41'])],
]
test('a refusal says what the file is and what is accepted', () => {
  for (const [what, head] of NAMED) {
    const expected = `this is ${what}; accepted are JPEG, PNG, WebP, GIF or AVIF`
    assert.throws(
      () => requireImageType(bytes(head)),
      (error) =>
        error instanceof AppError && error.code === 'image_type_unsupported' && error.message === expected,
      `${what}: ${head}`,
    )
  }
})

test('what is accepted is not refused', () => {
  for (const [what, head, type] of KNOWN) assert.equal(requireImageType(bytes(head)), type, what)
})

test('a head is complete with 32 bytes, or with all the brands that it announces', () => {
  const heif = boxed('mif1', ['miaf', 'MA1B', 'MiHE', 'MiPr', 'tmap', 'avif'])
  assert.equal(heif.length, 40)
  for (const [text, length] of [
    ['x'.repeat(40), 32],
    ['\xff\xd8\xff'.padEnd(40), 32],
    [heif, 40],
  ] as const) {
    assert.equal(isHeadComplete(bytes(text.slice(0, length - 1))), false, text)
    assert.equal(isHeadComplete(bytes(text.slice(0, length))), true, text)
  }
  // A box that claims to be longer than what we look at.
  assert.equal(isHeadComplete(bytes('\x7f\0\0\0ftypmif1'.padEnd(SNIFF_BYTES))), true)
})
