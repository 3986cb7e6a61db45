import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import type { Field } from './image-format.ts'
import { readField } from './mutate-structure.ts'
import { FIXED_FILES, fixedFile } from './testing/fixed-files.ts'

const findField = (name: string, field: string): Field => {
  const { format, bytes } = fixedFile(name)
  const found = format.listFields(bytes).find((candidate) => candidate.name === field)
  return found ?? assert.fail(`${name} has no ${field}`)
}

test('the parts of a whole file cover it to its end, and its last part is the right one', () => {
  const last = { jpeg: '\xd9', png: 'IEND', webp: 'VP8L', gif: ';', avif: 'mdat' }
  for (const { name, format, bytes } of FIXED_FILES) {
    const part = format.listParts(bytes).at(-1)
    assert.equal(part?.name, last[name as keyof typeof last])
    assert.equal(part?.end, bytes.length, name)
  }
})

test('header fields are found where the format keeps width and height', () => {
  const owners = { jpeg: 'SOF', png: 'IHDR', gif: 'screen', avif: 'ispe' }
  for (const [name, owner] of Object.entries(owners)) {
    const { bytes } = fixedFile(name)
    assert.equal(readField(bytes, findField(name, `${owner}.width`)), 8, name)
    assert.equal(readField(bytes, findField(name, `${owner}.height`)), 6, name)
  }
  // 14 bits each, less one.
  assert.equal(readField(fixedFile('webp').bytes, findField('webp', 'VP8L.size')) & 0xfffffff, 7 | (5 << 14))
})

test('lengths say how long a part is', () => {
  assert.equal(readField(fixedFile('png').bytes, findField('png', 'IHDR.length')), 13)
  const { bytes } = fixedFile('webp')
  assert.equal(readField(bytes, findField('webp', 'RIFF.length')), bytes.length - 8)
  assert.equal(readField(fixedFile('jpeg').bytes, findField('jpeg', '\xc0.length')), 17)
})

test('a PNG with another width is one only with repaired checksums', async () => {
  const { format, bytes } = fixedFile('png')
  const edited = Buffer.from(bytes)
  edited.writeUInt32BE(4, findField('png', 'IHDR.width').offset)
  await assert.rejects(sharp(edited).raw().toBuffer())
  const repaired = format.repair?.(edited) ?? edited
  const { info } = await sharp(repaired, { failOn: 'none' }).raw().toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height], [4, 6])
})

test('repairing a whole file changes nothing', () => {
  for (const { format, bytes } of FIXED_FILES) assert.deepEqual(format.repair?.(bytes) ?? bytes, bytes)
})
