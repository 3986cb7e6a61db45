import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { isStandIn } from './stand-in-marker.ts'
import { makeDirs, onnxHeader, putFile } from './testing/model-dirs.ts'

test('a stand-in is known by its producer, whatever comes around it', async (t) => {
  const { cacheDir } = await makeDirs(t)
  const opset = Buffer.from([0x42, 2, 0x10, 13])
  const cases: [expected: boolean, content: Buffer][] = [
    [true, onnxHeader()],
    [true, Buffer.concat([opset, onnxHeader()])],
    [true, Buffer.concat([onnxHeader(), Buffer.alloc(100_000)])],
    [false, onnxHeader('pytorch')],
    [false, onnxHeader('menagerie-stand-in-2')],
    [false, Buffer.concat([Buffer.from([0x3a, 0]), onnxHeader()])],
    [false, Buffer.from('<html>menagerie-stand-in</html>')],
    [false, Buffer.alloc(0)],
    [false, Buffer.alloc(5000, 0xff)],
  ]
  for (const [index, [expected, content]] of cases.entries()) {
    const path = await putFile(join(cacheDir, `${index}.onnx`), content)
    assert.equal(await isStandIn(path), expected, `case ${index}`)
  }
})
