import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { editPngPixels } from './edit-png-pixels.ts'
import type { Mutate } from './image-format.ts'
import {
  copyBlock,
  deleteBlock,
  flipBits,
  insertGarbage,
  repeatBlock,
  setNumbers,
  spliceFiles,
  truncate,
} from './mutate-bytes.ts'
import { dropPart, editBody, editFields, renamePart, repeatPart, resizePicture } from './mutate-structure.ts'
import { createRandom } from '@menagerie/harness/random'
import { FIXED_FILES, fixedFile } from './testing/fixed-files.ts'

const MUTATORS: readonly Mutate[] = [
  flipBits,
  setNumbers,
  truncate,
  deleteBlock,
  repeatBlock,
  insertGarbage,
  copyBlock,
  editFields,
  resizePicture,
  editBody,
  dropPart,
  repeatPart,
  renamePart,
  editPngPixels,
]
const TRIES = 200

test('every mutator takes whole, cut off and empty files, and leaves the bytes it was given alone', () => {
  for (const mutate of MUTATORS) {
    for (const { format, bytes } of FIXED_FILES) {
      const copy = Buffer.from(bytes)
      for (let i = 0; i < TRIES; i++) {
        const random = createRandom(1, i)
        const end = random.pick([0, 1, bytes.length, random.integer(0, bytes.length)])
        mutate(bytes.subarray(0, end), random, format)
        assert.deepEqual(bytes, copy, mutate.name)
      }
    }
  }
})

test('every mutator makes something else of a whole file most of the time', () => {
  for (const mutate of MUTATORS) {
    const { format, bytes } = fixedFile('png')
    const results = Array.from({ length: TRIES }, (_, i) => mutate(bytes, createRandom(2, i), format))
    const changedCount = results.filter((result) => !result.equals(bytes)).length
    assert.ok(changedCount > TRIES / 2, `${mutate.name}: ${changedCount}`)
  }
})

test('a splice begins as one file and ends as the other', () => {
  const [first, second] = [Buffer.from('aaaa'), Buffer.from('bbbb')]
  for (let i = 0; i < TRIES; i++)
    assert.match(spliceFiles(first, second, createRandom(3, i)).toString(), /^a*b+$/)
})

test('resizing makes bombs: whole headers that claim 50 megapixels and more', async () => {
  const { format, bytes } = fixedFile('png')
  const sizes = new Set<number>()
  for (let i = 0; i < TRIES; i++) {
    const bomb = format.repair?.(resizePicture(bytes, createRandom(4, i), format)) ?? bytes
    const metadata = await sharp(bomb, { limitInputPixels: false })
      .metadata()
      .catch(() => null)
    if (metadata !== null) sizes.add(metadata.width * metadata.height)
  }
  for (const size of [7071 * 7071, 7072 * 7071, 70_000 * 700, 5_000]) assert.ok(sizes.has(size), String(size))
})

test('edited PNG pixels are another picture of the same size, behind a good checksum', async () => {
  const { format, bytes } = fixedFile('png')
  const pixels = await sharp(bytes).raw().toBuffer()
  let differentCount = 0
  for (let i = 0; i < TRIES; i++) {
    const edited = format.repair?.(editPngPixels(bytes, createRandom(5, i), format)) ?? bytes
    // A filter type that does not exist is an error; everything else decodes.
    const other = await sharp(edited)
      .raw()
      .toBuffer()
      .catch(() => null)
    if (other === null) continue
    assert.equal(other.length, pixels.length)
    if (!other.equals(pixels)) differentCount++
  }
  assert.ok(differentCount > TRIES / 4, String(differentCount))
})
