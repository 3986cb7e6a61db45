import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '@menagerie/contract/errors'
import { AppError } from '@menagerie/contract/errors'
import sharp from 'sharp'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import { makeTinyGif } from './testing/make-gif.ts'
import { makePng } from './testing/make-png.ts'
import { paintGradient, paintSolid, toSharp } from './testing/raw-picture.ts'
import { makeSolidJpeg } from './testing/solid-jpeg.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }

const refuse = async (bytes: Buffer, code: ErrorCode, what: string): Promise<AppError> => {
  const error: unknown = await decodeImage(bytes, INPUT).then(
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
  for (const [what, bytes] of files) {
    const error = await refuse(bytes, 'image_type_unsupported', what)
    assert.match(error.message, /^this is .+; accepted are JPEG, PNG, WebP, GIF or AVIF$/)
    assert.equal(error.message.includes(what), what === what.toUpperCase(), error.message)
  }
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

test('an animation of more than 9000 pictures is refused', async () => {
  const makeFlood = (frames: number): Buffer => makeTinyGif({ width: 300, height: 300, frames })
  const error = await refuse(makeFlood(9001), 'image_too_large', 'a flood of frames')
  assert.equal(error.message, 'the animation has 9001 pictures; at most 9000 are accepted')
  assert.equal((await decodeImage(makeFlood(9000), INPUT)).length, 224 * 224 * 3)
})

test('a picture that only claims to be huge is refused by its claim', async () => {
  const avif = await toSharp(paintGradient(64, 64)).avif().toBuffer()
  avif.writeUInt32BE(60_000, avif.indexOf('ispe') + 8)
  avif.writeUInt32BE(60_000, avif.indexOf('ispe') + 12)
  const png = { width: 0x7f_ff_ff, height: 0x7f_ff_ff, bitDepth: 8, colourType: 2 } as const
  const jpeg = makeSolidJpeg({ width: 8, height: 8, components: [1] })
  const sizeAt = jpeg.indexOf('\xff\xc0', 'latin1') + 5
  jpeg.writeUInt16BE(60_000, sizeAt)
  jpeg.writeUInt16BE(60_000, sizeAt + 2)
  const files: [what: string, bytes: Buffer][] = [
    ['GIF', makeTinyGif({ width: 65_535, height: 65_535, frames: 1, frameSide: 65_535 })],
    ['PNG', makePng({ ...png, rows: new Uint8Array(9) })],
    ['JPEG', jpeg],
    ['AVIF', avif],
  ]
  for (const [what, bytes] of files) await refuse(bytes, 'image_too_large', what)
})

test('a bomb within the limits is decoded: an empty canvas, and a picture that comes in seven passes', async () => {
  const canvas = makeTinyGif({ width: 2000, height: 2000, frames: 1 })
  const create = { width: 4000, height: 3000, channels: 3 as const, background: '#102030' }
  const interlaced = await sharp({ create }).png({ progressive: true, compressionLevel: 9 }).toBuffer()
  assert.ok(canvas.length < 100 && interlaced.length < 200_000, String(interlaced.length))
  assert.deepEqual([...(await decodeImage(canvas, INPUT)).subarray(0, 3)], [0, 0, 0])
  assert.deepEqual([...(await decodeImage(interlaced, INPUT)).subarray(0, 3)], [16, 32, 48])
})

test('a picture that takes too long fails alone, whether it is large or not', async () => {
  const good = await toSharp(paintGradient(400, 300)).jpeg().toBuffer()
  for (const [width, height] of [
    [5000, 3000],
    [3000, 2000],
  ] as const) {
    const create = { width, height, channels: 3 as const, background: '#102030' }
    const slow = await sharp({ create }).webp({ effort: 0 }).toBuffer()
    const outcomes = await Promise.allSettled([
      decodeImage(slow, INPUT, { timeoutMs: 1 }),
      decodeImage(good, INPUT),
      decodeImage(slow, INPUT, { timeoutMs: 1 }),
      decodeImage(slow, INPUT),
      decodeImage(good, INPUT),
    ])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    for (const outcome of [outcomes[0], outcomes[2]]) {
      assert.ok(outcome?.status === 'rejected' && outcome.reason instanceof AppError)
      assert.equal(outcome.reason.code, 'decode_timeout')
    }
  }
})

test('what slips past the first bytes meets no decoder for anything else', async () => {
  // The list of loaders is the second wall: sharp itself refuses these in this process.
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
  const tiff = await toSharp(paintGradient(30, 30)).tiff().toBuffer()
  for (const bytes of [svg, tiff]) await assert.rejects(sharp(bytes).metadata(), /unsupported image format/)
})
