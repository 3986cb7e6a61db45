/** Guarantee: a decode leaves nothing behind, so a worker may run for months. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import { paintSolid, toSharp } from './testing/raw-picture.ts'

configureSharp()

const INPUT = { resize: 256, crop: 224 }
const WARM_UP = 200
const DECODES = 600
// What one crop has, of each decode: a crop that stays behind is four times as much as is allowed here.
const GROWTH_MAX_BYTES = (DECODES * 224 * 224 * 3) / 4

const SIZES: [what: string, width: number, height: number][] = [
  ['scaled down', 300, 260],
  ['enlarged', 100, 90],
]
for (const [what, width, height] of SIZES) {
  test(`memory does not grow with the number of images that were ${what}`, async () => {
    const bytes = await toSharp(paintSolid(width, height, [200, 100, 50]))
      .jpeg()
      .toBuffer()
    const decode = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await decodeImage(bytes, INPUT)
    }
    await decode(WARM_UP)
    const before = process.memoryUsage.rss()
    await decode(DECODES)
    const growth = process.memoryUsage.rss() - before
    assert.ok(growth < GROWTH_MAX_BYTES, `${Math.round(growth / 1e6)} MB after ${DECODES} images`)
  })
}
