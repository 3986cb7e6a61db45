import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sharp } from 'sharp'
import sharp from 'sharp'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import {
  meanDifference,
  paintGradient,
  paintPicture,
  paintSolid,
  toSharp,
  type RawPicture,
} from './testing/raw-picture.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }
const CROP_BYTES = 224 * 224 * 3

const decodeAs = async (picture: RawPicture, encode: (image: Sharp) => Sharp): Promise<Uint8Array> =>
  decodeImage(await encode(toSharp(picture)).toBuffer(), INPUT)
const decodePng = (picture: RawPicture): Promise<Uint8Array> => decodeAs(picture, (image) => image.png())

/** The colour of one pixel of a crop. */
const pixelAt = (crop: Uint8Array, x: number, y: number): number[] => [
  ...crop.subarray((y * 224 + x) * 3, (y * 224 + x) * 3 + 3),
]

/** Scaled down, and scaled up: two ways through the code. */
const SIZES: [width: number, height: number][] = [
  [400, 300],
  [120, 90],
]

// The tolerance is what each encoder takes away, twice over; another channel order or crop is off by 30 and more.
const FORMATS: [what: string, tolerance: number, encode: (image: Sharp) => Sharp][] = [
  ['JPEG', 1, (image) => image.jpeg({ quality: 95 })],
  ['progressive JPEG', 1, (image) => image.jpeg({ quality: 95, progressive: true })],
  ['interlaced PNG', 0, (image) => image.png({ progressive: true })],
  ['PNG with 16 bits', 1, (image) => image.toColourspace('rgb16').png()],
  ['PNG with a palette', 7, (image) => image.png({ palette: true })],
  ['lossy WebP', 2, (image) => image.webp({ quality: 95 })],
  ['lossless WebP', 0, (image) => image.webp({ lossless: true })],
  ['GIF', 7, (image) => image.gif()],
  ['AVIF', 1, (image) => image.avif({ quality: 90 })],
]
for (const [what, tolerance, encode] of FORMATS) {
  test(`${what} gives the same crop as a plain PNG, to ${tolerance} of 255`, async () => {
    for (const [width, height] of SIZES) {
      const picture = paintGradient(width, height)
      const crop = await decodeAs(picture, encode)
      assert.equal(crop.length, CROP_BYTES)
      const difference = meanDifference(crop, await decodePng(picture))
      assert.ok(difference <= tolerance, `${width} × ${height}: ${difference}`)
    }
  })
}

test('a larger JPEG is scaled from its full size, not halved by its decoder first', async () => {
  const detailed = paintPicture(900, 700, (x, y) => [(x * y) % 256, (x * 7) % 256, (y * 11) % 256])
  // From four times the size on the decoder does halve it, which a photo of that size can bear.
  for (const [picture, tolerance] of [
    [detailed, 0.1],
    [paintGradient(2400, 1800), 0.5],
  ] as const) {
    const jpeg = await toSharp(picture).jpeg({ quality: 95 }).toBuffer()
    const png = await sharp(jpeg).png({ compressionLevel: 1 }).toBuffer()
    const difference = meanDifference(await decodeImage(jpeg, INPUT), await decodeImage(png, INPUT))
    assert.ok(difference <= tolerance, `${picture.width} × ${picture.height}: ${difference}`)
  }
})

test('greyscale becomes three equal channels, with 8 and with 16 bits', async () => {
  const encoders = [
    (image: Sharp) => image.toColourspace('b-w').png(),
    (image: Sharp) => image.toColourspace('b-w').jpeg({ quality: 95 }),
    (image: Sharp) => image.toColourspace('grey16').png(),
  ]
  for (const [width, height] of SIZES) {
    const grey = (x: number): number => Math.round((255 * x) / width)
    const expected = await decodePng(paintPicture(width, height, (x) => [grey(x), grey(x), grey(x)]))
    for (const encode of encoders) {
      const crop = await decodeAs(
        paintPicture(width, height, (x) => [grey(x)]),
        encode,
      )
      assert.equal(crop.length, CROP_BYTES)
      assert.ok(meanDifference(crop, expected) <= 0.5)
    }
  }
})

test('transparent parts are white, half-transparent ones half white', async () => {
  const cutOut = (width: number, height: number): RawPicture =>
    paintPicture(width, height, (x) => (x < width / 2 ? [10, 20, 30, 0] : [10, 20, 30, 255]))
  for (const [width, height] of SIZES) {
    for (const encode of [
      (image: Sharp) => image.png(),
      (image: Sharp) => image.webp({ lossless: true }),
      (image: Sharp) => image.gif(),
    ]) {
      const crop = await decodeAs(cutOut(width, height), encode)
      assert.equal(crop.length, CROP_BYTES)
      assert.deepEqual(
        [pixelAt(crop, 0, 0), pixelAt(crop, 223, 223)],
        [
          [255, 255, 255],
          [10, 20, 30],
        ],
      )
    }
    const glass = await decodePng(paintSolid(width, height, [0, 100, 200, 128]))
    assert.deepEqual(pixelAt(glass, 112, 112), [127, 177, 227])
    const greyWithAlpha = await decodePng(
      paintPicture(width, height, (x) => (x < width / 2 ? [10, 0] : [10, 255])),
    )
    assert.deepEqual(
      [pixelAt(greyWithAlpha, 0, 0), pixelAt(greyWithAlpha, 223, 0)],
      [
        [255, 255, 255],
        [10, 10, 10],
      ],
    )
  }
})

test('of an animation the first picture counts', async () => {
  for (const [width, height] of SIZES) {
    const frames = paintPicture(width, height * 2, (_, y) => (y < height ? [200, 0, 0] : [0, 0, 200]))
    const raw = { width, height: height * 2, channels: 3 as const, pageHeight: height }
    for (const format of ['gif', 'webp'] as const) {
      const crop = await decodeImage(await sharp(frames.data, { raw }).toFormat(format).toBuffer(), INPUT)
      assert.equal(crop.length, CROP_BYTES)
      for (const place of [0, 112, 223]) assert.deepEqual(pixelAt(crop, place, place), [200, 0, 0], format)
    }
  }
})

test('pictures of any size, even of one pixel, give a crop in their colour', async () => {
  const sizes = [
    [1, 1],
    [2, 3],
    [1, 100],
    [100, 1],
    [8, 300],
    [300, 8],
    [224, 224],
    [255, 255],
    [256, 256],
    [257, 256],
    [256, 1000],
  ]
  for (const [width = 0, height = 0] of sizes) {
    const crop = await decodePng(paintSolid(width, height, [200, 100, 50]))
    assert.equal(crop.length, CROP_BYTES, `${width} × ${height}`)
    for (const [channel, value] of pixelAt(crop, 112, 112).entries()) {
      assert.ok(Math.abs(value - ([200, 100, 50][channel] ?? 0)) <= 2, `${width} × ${height}: ${value}`)
    }
  }
})
