import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { createJsonParser } from './parse-json.ts'

const parse = createJsonParser(
  Type.Object({ list: Type.Array(Type.Unknown(), { maxItems: 3 }) }, { additionalProperties: false }),
)
const parseText = (text: string) => parse(Buffer.from(text))

test('what fits the schema comes back as it was sent', () => {
  const long = 'x'.repeat(100_000)
  assert.deepEqual(parseText(JSON.stringify({ list: [1, '2', long] })), { list: [1, '2', long] })
})

test('nothing is converted', () => {
  assert.throws(() => parseText('{"list":"1"}'), {
    code: 'request_invalid',
    message: 'body list must be array',
  })
})

test('a body of very many values is refused before it is parsed', () => {
  const tooMany = { code: 'request_invalid', message: /more than 10000 values/ }
  for (const text of ['1,', '[', '{"a":', '"a":1,']) {
    assert.throws(() => parseText(text.repeat(10_001)), tooMany)
  }
})

test('what is not known is named, and cut when its name is long', () => {
  assert.throws(() => parseText('{"list":[],"lists":[]}'), { message: 'body lists is not known here' })
  assert.throws(
    () => parseText(`{"list":[],"${'x'.repeat(100_000)}":1}`),
    ({ message }: Error) => {
      assert.ok(message.length < 200, String(message.length))
      return true
    },
  )
})
