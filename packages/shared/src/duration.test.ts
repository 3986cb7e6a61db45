import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { DurationListText, DurationText, parseDurationListMs, parseDurationMs } from './duration.ts'

const duration = DurationText({ description: 'a duration' })
const durations = DurationListText({ description: 'durations' })

const GOOD: [text: string, ms: number][] = [
  ['0', 0],
  ['30', 30_000],
  ['1.5', 1500],
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1.5h', 5_400_000],
  ['2d', 172_800_000],
  ['0.1ms', 0],
]
test('a duration has a unit, or is in seconds', () => {
  for (const [text, ms] of GOOD) {
    assert.ok(Value.Check(duration, text), text)
    assert.equal(parseDurationMs(text), ms, text)
  }
})

test('anything else is refused by the schema', () => {
  for (const text of [
    '',
    's',
    '-1s',
    '5 s',
    '5sec',
    '1h30m',
    '1w',
    '5S',
    '.5s',
    '5.s',
    '1e3',
    '5s\n5s',
    '5s,5s',
  ]) {
    assert.equal(Value.Check(duration, text), false, JSON.stringify(text))
  }
})

test('a list may have spaces around its commas', () => {
  const text = '5s,1m , 5m,  0.5h'
  assert.ok(Value.Check(durations, text))
  assert.deepEqual(parseDurationListMs(text), [5000, 60_000, 300_000, 1_800_000])
  assert.deepEqual(parseDurationListMs('250ms'), [250])
})

test('a list without entries, or with an empty one, is refused', () => {
  for (const text of ['', ',', '5s,', ',5s', '5s,,5s', '5s 5s', '5s;5s']) {
    assert.equal(Value.Check(durations, text), false, JSON.stringify(text))
  }
})
