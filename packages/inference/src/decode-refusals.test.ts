import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '@menagerie/contract/errors'
import { AppError } from '@menagerie/contract/errors'
import sharp from 'sharp'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import { paintGradient, paintSolid, toSharp } from './testing/raw-picture.ts'

configureSharp()

const refuse = async (bytes: Buffer, code: ErrorCode, what: string): Promise<AppError> => {
  const error: unknown = await decodeImage(bytes, { resize: 256, crop: 224 }).then(
    () => assert.fail(`${what} was accepted`),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof AppError, `${what}: ${String(error)}`)
  assert.equal(error.code, code, what)
  return error
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

test('what is no picture of an accepted type is refused by its first bytes', async () => {
  const files: [what: string, bytes: Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('hello')],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>')],
    ['TIFF', await toSharp(paintGradient(300, 300)).tiff().toBuffer()],
    ['HEIC', latin1('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
  ]
  for (const [what, bytes] of files) await refuse(bytes, 'image_type_unsupported', what)
})

test('a picture that is cut off is refused, wherever it ends', async () => {
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif'] as const) {
    for (const [width, height] of [
      [400, 300],
      [120, 90],
    ] as const) {
      const bytes = await toSharp(paintGradient(width, height)).toFormat(format).toBuffer()
      for (const part of [0.1, 0.5, 0.9]) {
        const end = Math.floor(bytes.length * part)
        await refuse(bytes.subarray(0, end), 'image_undecodable', `${format}, ${part} of it`)
      }
      await refuse(bytes.subarray(0, 32), 'image_undecodable', `${format}, 32 bytes of it`)
    }
  }
})

test('garbage behind a good beginning is refused, and the library’s words stay in the cause', async () => {
  const garbage = Buffer.alloc(500, 7)
  for (const head of [
    '\xff\xd8\xff\xe0',
    '\x89PNG\r\n\x1a\n',
    'RIFF\xff\0\0\0WEBPVP8 ',
    'GIF89a',
    '\0\0\0\x1cftypavif',
  ]) {
    const error = await refuse(Buffer.concat([latin1(head), garbage]), 'image_undecodable', head)
    assert.doesNotMatch(error.message, /vips|buffer|seek|libpng/i)
    assert.ok(error.cause instanceof Error)
  }
})

test('a small file with more than 50 megapixels is refused before it is decoded', async () => {
  const create = { width: 8000, height: 6251, channels: 3 as const, background: '#123456' }
  const bomb = await sharp({ create }).png({ compressionLevel: 1 }).toBuffer()
  assert.ok(bomb.length < 3_000_000, String(bomb.length))
  const error = await refuse(bomb, 'image_too_large', 'a bomb')
  assert.match(error.message, /8000 × 6251/)
})

test('a strip that is more than a hundred times as long as wide is refused', async () => {
  for (const [width, height] of [
    [1, 101],
    [101, 1],
    [2000, 19],
  ] as const) {
    const strip = await toSharp(paintSolid(width, height, [1, 2, 3]))
      .png()
      .toBuffer()
    await refuse(strip, 'image_too_large', `${width} × ${height}`)
  }
})

test('what slips past the first bytes meets no decoder for anything else', async () => {
  // The list of loaders is the second wall: sharp itself refuses these in this process.
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const tiff = await toSharp(paintGradient(30, 30)).tiff().toBuffer()
  for (const bytes of [svg, tiff]) await assert.rejects(sharp(bytes).metadata(), /unsupported image format/)
})
