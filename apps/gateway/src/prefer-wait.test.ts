import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePreferWait } from './prefer-wait.ts'

const CASES: Array<[header: string | string[] | undefined, seconds: number | null]> = [
  [undefined, null],
  ['', null],
  ['respond-async', null],
  ['wait=10', 10],
  ['wait=0', 0],
  ['WAIT=5', 5],
  ['wait = 5', 5],
  ['wait="5"', 5],
  ['respond-async, wait=7', 7],
  ['wait=7,respond-async', 7],
  ['handling=lenient; wait=7', 7],
  [['respond-async', 'wait=3'], 3],
  ['wait=60', 60],
  ['wait=61', 60],
  ['wait=999999999', 60],
  ['wait=-1', null],
  ['wait=1.5', null],
  ['wait=abc', null],
  ['wait', null],
  ['nowait=5', null],
  ['wait=5x', null],
]

for (const [header, seconds] of CASES) {
  test(`Prefer: ${JSON.stringify(header)} asks for ${seconds ?? 'no wait'}`, () => {
    assert.equal(parsePreferWait(header), seconds)
  })
}
