/** Guarantee: the rarer kinds of each format are seen in their colours, also those that sharp itself never writes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import { makeTinyGif } from './testing/make-gif.ts'
import { makePng } from './testing/make-png.ts'
import {
  maxDifference,
  meanDifference,
  paintGradient,
  paintPicture,
  paintSolid,
  toSharp,
} from './testing/raw-picture.ts'
import { makeSolidJpeg } from './testing/solid-jpeg.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }
const WHITE = [255, 255, 255]
const BLACK = [0, 0, 0]

const decode = (bytes: Buffer): Promise<Uint8Array> => decodeImage(bytes, INPUT)

const pixelAt = (crop: Uint8Array, x: number, y: number): number[] => [
  ...crop.subarray((y * 224 + x) * 3, (y * 224 + x) * 3 + 3),
]

/** The colour of a crop that has only one, to `tolerance`. */
const assertColour = (crop: Uint8Array, colour: number[], tolerance: number, what: string): void => {
  const difference = maxDifference(crop, paintSolid(224, 224, colour).data)
  assert.ok(difference <= tolerance, `${what}: ${pixelAt(crop, 112, 112).join()}, not ${colour.join()}`)
}

// Scaled up, scaled down, and from four times on, where the JPEG decoder may halve.
const SIDES = [64, 300, 1200]

test('a JPEG of three components is RGB or YCbCr, as its Adobe segment says', async () => {
  for (const side of SIDES) {
    const jpeg = { width: side, height: side }
    const rgb = makeSolidJpeg({ ...jpeg, components: [200, 100, 50], adobeTransform: 0 })
    assertColour(await decode(rgb), [200, 100, 50], 1, 'RGB')
    const ycc = makeSolidJpeg({ ...jpeg, components: [124, 86, 182], adobeTransform: 1 })
    assertColour(await decode(ycc), [200, 100, 50], 1, 'YCbCr')
  }
})

// Stored inverted, as Adobe does: 255 is no ink. What print profiles make of full inks is near these.
const INKS: [what: string, stored: number[], colour: number[]][] = [
  ['paper', [255, 255, 255, 255], WHITE],
  ['cyan', [0, 255, 255, 255], [0, 174, 239]],
  ['magenta', [255, 0, 255, 255], [236, 0, 140]],
  ['yellow', [255, 255, 0, 255], [255, 242, 0]],
  ['all four inks', [0, 0, 0, 0], [35, 31, 32]],
]
test('a CMYK JPEG has the colours of its inks, not their opposites', async () => {
  for (const side of SIDES) {
    for (const [what, components, colour] of INKS) {
      const jpeg = makeSolidJpeg({ width: side, height: side, components, adobeTransform: 0 })
      assertColour(await decode(jpeg), colour, 30, what)
    }
  }
})

test('so has one whose inks are stored as YCCK', async () => {
  // YCbCr of the opposites of the three stored values above, and K as it is.
  const inks: [what: string, stored: number[], colour: number[]][] = [
    ['paper', [0, 128, 128, 255], WHITE],
    ['cyan', [76, 85, 255, 255], [0, 174, 239]],
    ['magenta', [150, 44, 21, 255], [236, 0, 140]],
    ['yellow', [29, 255, 107, 255], [255, 242, 0]],
  ]
  for (const [what, components, colour] of inks) {
    const jpeg = makeSolidJpeg({ width: 300, height: 300, components, adobeTransform: 2 })
    assertColour(await decode(jpeg), colour, 30, what)
  }
})

test('a CMYK photo looks like the RGB photo that it was made of, with and without a profile', async () => {
  // Muted: print has no bright colours.
  const photo = paintPicture(400, 300, (x) => (x < 200 ? [170, 120, 90] : [90, 110, 150]))
  const expected = await decode(await toSharp(photo).png().toBuffer())
  const plain = toSharp(photo).toColourspace('cmyk')
  const profiled = toSharp(photo).withIccProfile('cmyk')
  for (const image of [plain, profiled]) {
    const jpeg = await image.jpeg({ quality: 95 }).toBuffer()
    assert.equal((await sharp(jpeg).metadata()).space, 'cmyk')
    const difference = meanDifference(await decode(jpeg), expected)
    assert.ok(difference < 6, String(difference))
  }
})

test('an RGB profile changes nothing: the model was trained without', async () => {
  const photo = await toSharp(paintGradient(400, 300)).jpeg({ quality: 95 }).toBuffer()
  const { data, info } = await sharp(photo).raw().toBuffer({ resolveWithObject: true })
  const raw = { width: info.width, height: info.height, channels: 3 as const }
  const plain = await sharp(data, { raw }).png().toBuffer()
  // Marks the same numbers as P3.
  const marked = await sharp(plain, { ignoreIcc: true })
    .keepIccProfile()
    .withMetadata({ icc: 'p3' })
    .png()
    .toBuffer()
  assert.equal((await sharp(marked).metadata()).hasProfile, true)
  const unmarked = await sharp(marked, { ignoreIcc: true }).png().toBuffer()
  assert.equal((await sharp(unmarked).metadata()).hasProfile, false)
  assert.deepEqual(await decode(marked), await decode(unmarked))
})

test('PNG of one, two and four bits: black on the left, white on the right', async () => {
  for (const bitDepth of [1, 2, 4] as const) {
    for (const side of [16, 320]) {
      const row = Buffer.alloc(1 + (side * bitDepth) / 8).fill(0xff, 1 + (side * bitDepth) / 16)
      row[0] = 0
      const rows = Buffer.concat(Array.from({ length: side }, () => row))
      const size = { width: side, height: side, bitDepth, rows }
      const grey = makePng({ ...size, colourType: 0 })
      const last = 2 ** bitDepth - 1
      const palette = [...Array.from({ length: last }, () => [10, 20, 200]).flat(), 200, 20, 10]
      const coloured = makePng({ ...size, colourType: 3, chunks: [['PLTE', palette]] })
      const chunks: [string, number[]][] = [
        ['PLTE', palette],
        ['tRNS', [0]],
      ]
      const clear = makePng({ ...size, colourType: 3, chunks })
      for (const [png, left, right] of [
        [grey, BLACK, WHITE],
        [coloured, [10, 20, 200], [200, 20, 10]],
        [clear, WHITE, [200, 20, 10]],
      ] as const) {
        const crop = await decode(png)
        assert.deepEqual([pixelAt(crop, 0, 112), pixelAt(crop, 223, 112)], [left, right], `${bitDepth} bits`)
      }
    }
  }
})

test('PNG whose transparency is one colour', async () => {
  const row = [0, ...Array.from({ length: 300 }, (_, x) => (x < 150 ? [1, 2, 3] : [100, 50, 25])).flat()]
  const rows = Buffer.from(Array.from({ length: 300 }, () => row).flat())
  const chunks: [string, number[]][] = [['tRNS', [0, 1, 0, 2, 0, 3]]]
  const crop = await decode(makePng({ width: 300, height: 300, bitDepth: 8, colourType: 2, chunks, rows }))
  assert.deepEqual([pixelAt(crop, 0, 0), pixelAt(crop, 223, 0)], [WHITE, [100, 50, 25]])
})

test('sixteen bits with alpha, interlaced with a palette, interlaced GIF', async () => {
  const cutOut = toSharp(paintPicture(320, 320, (x) => [200, 100, 50, x < 160 ? 0 : 255]))
  const files = [
    await cutOut.clone().toColourspace('rgb16').png().toBuffer(),
    await cutOut.clone().toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    await cutOut.clone().png({ palette: true, progressive: true }).toBuffer(),
    await cutOut.clone().gif({ progressive: true }).toBuffer(),
    await cutOut.clone().avif({ lossless: true }).toBuffer(),
    await cutOut.clone().webp({ quality: 100, alphaQuality: 100 }).toBuffer(),
  ]
  const expected = await decode(await cutOut.clone().png().toBuffer())
  assert.deepEqual([pixelAt(expected, 0, 112), pixelAt(expected, 223, 112)], [WHITE, [200, 100, 50]])
  for (const [i, file] of files.entries()) {
    const difference = meanDifference(await decode(file), expected)
    assert.ok(difference <= 2, `file ${i}: ${difference}`)
  }
})

test('the first frame of a GIF that is smaller than its canvas lies on the GIF’s background', async () => {
  const crop = await decode(makeTinyGif({ width: 400, height: 300, frames: 3 }))
  assertColour(crop, BLACK, 0, 'canvas')
})

test('orientation counts in WebP and PNG too', async () => {
  const stored = paintPicture(300, 400, (_, y) => (y < 200 ? [200, 0, 0] : [0, 0, 200]))
  for (const side of [1, 0.25]) {
    for (const format of ['webp', 'png'] as const) {
      const image = toSharp(stored).resize(300 * side, 400 * side, { kernel: 'nearest' })
      const file = await image
        .withMetadata({ orientation: 8 })
        .toFormat(format, { lossless: true })
        .toBuffer()
      // Turned to the left: what was on top is on the left.
      const crop = await decode(file)
      assert.deepEqual(
        [pixelAt(crop, 0, 112), pixelAt(crop, 223, 112)],
        [
          [200, 0, 0],
          [0, 0, 200],
        ],
        format,
      )
    }
  }
})

test('an AVIF is known by any of its brands, whatever the first one is', async () => {
  const avif = await toSharp(paintSolid(300, 300, [170, 85, 34]))
    .avif()
    .toBuffer()
  for (const brand of ['mif1', 'miaf', 'avis']) {
    avif.write(brand, 8, 'latin1')
    assertColour(await decode(avif), [170, 85, 34], 3, brand)
    assert.equal(avif.toString('latin1', 8, 12), brand)
  }
})
