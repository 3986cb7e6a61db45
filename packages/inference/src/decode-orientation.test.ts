import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import {
  meanDifference,
  paintGradient,
  paintPicture,
  toSharp,
  type RawPicture,
} from './testing/raw-picture.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }

type Place = [x: number, y: number]

/**
 * Where a pixel of the upright picture lies in what the camera stored, by EXIF orientation; `w` and `h` are the
 * size of the upright picture.
 */
const STORED_AT: Record<number, (x: number, y: number, w: number, h: number) => Place> = {
  1: (x, y) => [x, y],
  2: (x, y, w) => [w - 1 - x, y],
  3: (x, y, w, h) => [w - 1 - x, h - 1 - y],
  4: (x, y, _w, h) => [x, h - 1 - y],
  5: (x, y) => [y, x],
  6: (x, y, w) => [y, w - 1 - x],
  7: (x, y, w, h) => [h - 1 - y, w - 1 - x],
  8: (x, y, _w, h) => [h - 1 - y, x],
}

const store = (upright: RawPicture, orientation: number): RawPicture => {
  const { width: w, height: h } = upright
  const [width, height] = orientation < 5 ? [w, h] : [h, w]
  const stored = paintPicture(width, height, () => [0, 0, 0])
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [storedX, storedY] = STORED_AT[orientation]?.(x, y, w, h) ?? [0, 0]
      const from = (y * w + x) * 3
      stored.data.set(upright.data.subarray(from, from + 3), (storedY * width + storedX) * 3)
    }
  }
  return stored
}

for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`a photo stored with EXIF orientation ${orientation} is seen upright`, async () => {
    // Scaled down and scaled up, wide and high.
    for (const [width, height] of [
      [400, 300],
      [300, 500],
      [120, 90],
    ] as const) {
      const upright = paintGradient(width, height)
      const photo = await toSharp(store(upright, orientation))
        .withMetadata({ orientation })
        .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
        .toBuffer()
      const expected = await decodeImage(await toSharp(upright).png().toBuffer(), INPUT)
      const difference = meanDifference(await decodeImage(photo, INPUT), expected)
      assert.ok(difference <= 1, `${width} × ${height}: ${difference}`)
    }
  })
}
