/**
 * Guarantee: whatever its size, a picture is scaled and cropped as torchvision does it. The yardstick is a port of
 * Pillow's resampler, which golden.test.ts holds against crops that torchvision itself made.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import {
  maxDifference,
  meanDifference,
  paintPicture,
  toSharp,
  type RawPicture,
} from './testing/raw-picture.ts'
import { cropAsTorchvision } from './testing/crop-as-torchvision.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }

type Size = readonly [width: number, height: number]
interface Sizes {
  resize: number
  crop: number
}

/** Waves of several lengths and hard edges, coarse and fine, so that any shift shows. */
const paintDetail = (width: number, height: number): RawPicture =>
  paintPicture(width, height, (x, y) => [
    Math.round(127 + 120 * Math.sin((x * 3 + y) / 7)),
    (x >> 3) % 2 === (y >> 4) % 2 ? 230 : 20,
    (x * 37 + y * 53) % 256,
  ])

const compare = async (picture: RawPicture, input: Sizes): Promise<{ mean: number; max: number }> => {
  const png = await toSharp(picture).png({ compressionLevel: 1 }).toBuffer()
  const [crop, expected] = [await decodeImage(png, input), cropAsTorchvision(picture, input)]
  return { mean: meanDifference(crop, expected), max: maxDifference(crop, expected) }
}

const assertClose = async (
  [width, height]: Size,
  input: Sizes,
  tolerance: { mean: number; max: number },
): Promise<void> => {
  const { mean, max } = await compare(paintDetail(width, height), input)
  const what = `${width} × ${height} by ${input.resize}/${input.crop}: mean ${mean}, max ${max}`
  assert.ok(mean <= tolerance.mean && max <= tolerance.max, what)
}

test('Pillow’s triangle by hand: two pixels enlarged, four and six shrunk', () => {
  const scale = (values: number[], size: number): number[] => {
    const picture = paintPicture(values.length, values.length, (x) => [values[x] ?? 0])
    return [...cropAsTorchvision(picture, { resize: size, crop: size }).subarray(0, size)]
  }
  assert.deepEqual(scale([0, 100], 4), [0, 25, 75, 100])
  // Weights 1 3 3 1 over 8; the border cuts off the first of them, and the rest counts over 7.
  assert.deepEqual(scale([70, 0, 0, 0], 2), [30, 0])
  assert.deepEqual(scale([0, 80, 0, 0, 0, 0], 3), [34, 10, 0])
})

const ENLARGED: Size[] = [
  ...([1, 2, 3, 4, 5, 6, 7, 8].map((side) => [side, side]) as Size[]),
  ...([
    [1, 2],
    [2, 1],
    [3, 8],
    [1, 100],
    [100, 1],
    [2, 199],
    [7, 13],
    [97, 41],
    [100, 100],
    [116, 160],
    [224, 224],
    [240, 161],
    [255, 255],
    [255, 256],
    [257, 255],
    [255, 1999],
    [3000, 31],
  ] as Size[]),
]
test('an enlarged picture is torchvision’s to the bit, from one pixel on and up to the border', async () => {
  for (const size of ENLARGED) await assertClose(size, INPUT, { mean: 0, max: 0 })
})

const AS_THEY_ARE: Size[] = [
  [256, 256],
  [256, 257],
  [301, 256],
  [256, 2000],
]
test('a picture whose shorter side is right already is only cropped', async () => {
  for (const size of AS_THEY_ARE) await assertClose(size, INPUT, { mean: 0, max: 0 })
})

const SHRUNK: Size[] = [
  [257, 257],
  [257, 300],
  [300, 257],
  [258, 1025],
  [333, 501],
  [500, 375],
  [427, 640],
  [511, 513],
  [512, 512],
  [640, 427],
  [900, 700],
  [1023, 769],
  [1023, 1023],
  [5000, 257],
]
test('a picture up to four times the size is torchvision’s, to half of 255', async () => {
  for (const size of SHRUNK) await assertClose(size, INPUT, { mean: 0.5, max: 3 })
})

test('a picture of more than four times the size is near it', async () => {
  // libvips averages whole pixels first, which blurs a little more; this pattern is worse than any photo.
  for (const size of [
    [1024, 1024],
    [1600, 1200],
    [2100, 1300],
  ] as Size[]) {
    await assertClose(size, INPUT, { mean: 2, max: 20 })
  }
})

test('other sizes of model see what torchvision would show them', async () => {
  const inputs: Sizes[] = [
    { resize: 232, crop: 224 },
    { resize: 342, crop: 299 },
    { resize: 224, crop: 224 },
    { resize: 64, crop: 64 },
    { resize: 33, crop: 8 },
    { resize: 1, crop: 1 },
  ]
  for (const input of inputs) {
    const [small, same] = [Math.ceil(input.resize / 3), input.resize]
    await assertClose([small, small + 7], input, { mean: 0, max: 0 })
    await assertClose([same + 5, same], input, { mean: 0, max: 0 })
    // Where the crop reaches the border, libvips repeats the pixels there and Pillow leaves out what is beyond.
    await assertClose([2 * same + 1, 3 * same], input, {
      mean: 0.75,
      max: input.crop < input.resize ? 3 : 20,
    })
  }
})

test('a crop that is larger than the scaled picture is our mistake, not the picture’s', async () => {
  const png = await toSharp(paintDetail(9, 9)).png().toBuffer()
  await assert.rejects(decodeImage(png, { resize: 224, crop: 256 }), RangeError)
})

test('the pixels can be handed to a thread, and fill their memory', async () => {
  for (const side of [100, 400]) {
    const png = await toSharp(paintDetail(side, side)).png().toBuffer()
    const pixels = await decodeImage(png, INPUT)
    assert.equal(pixels.buffer.byteLength, 224 * 224 * 3)
    const moved = structuredClone(pixels, { transfer: [pixels.buffer as ArrayBuffer] })
    assert.deepEqual([moved.length, pixels.length], [224 * 224 * 3, 0])
  }
})
