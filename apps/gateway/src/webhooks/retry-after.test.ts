import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRetryAfterMs } from './retry-after.ts'

const NOW = Date.parse('2026-05-01T12:00:00Z')

for (const [header, expected, what] of [
  ['120', 120_000, 'seconds'],
  ['0', 0, 'no wait'],
  ['Fri, 01 May 2026 12:01:00 GMT', 60_000, 'a date'],
  ['Fri, 01 May 2026 11:00:00 GMT', 0, 'a date that is over'],
  ['999999999', 6 * 3_600_000, 'more than anybody is given'],
  ['Fri, 01 May 2099 11:00:00 GMT', 6 * 3_600_000, 'a date that is too far off'],
  ['soon', 0, 'nonsense'],
  ['-5', 0, 'a negative number'],
  [undefined, 0, 'nothing'],
] as const) {
  test(`Retry-After: ${header} is ${what}`, () => {
    assert.equal(parseRetryAfterMs(header, NOW), expected)
  })
}
