import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { measureDistance, readLogits } from './logits-distance.ts'

const logits = (...values: number[]): Float32Array => Float32Array.from(values)

const writeText = async (t: TestContext, text: string): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-logits-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'logits.csv')
  await writeFile(path, text)
  return path
}

test('the same logits have no distance, and a multiple points the same way', () => {
  const same = { meanDifference: 0, maxDifference: 0, cosine: 1, commonTop5: 5 }
  assert.deepEqual(measureDistance(logits(3, 0, 0, 0, 4, 0), logits(3, 0, 0, 0, 4, 0)), same)
  const { meanDifference, maxDifference, cosine } = measureDistance(logits(3, 0, 4), logits(6, 0, 8))
  assert.deepEqual([meanDifference, maxDifference, cosine], [7 / 3, 4, 1])
})

test('opposite and unrelated logits are told apart', () => {
  assert.equal(measureDistance(logits(1, 2), logits(-1, -2)).cosine, -1)
  assert.equal(measureDistance(logits(1, 0), logits(0, 1)).cosine, 0)
})

test('the best five are compared as sets', () => {
  const forwards = logits(9, 8, 7, 6, 5, 0, 0, 0)
  assert.equal(measureDistance(forwards, logits(5, 6, 7, 8, 9, 0, 0, 0)).commonTop5, 5)
  assert.equal(measureDistance(forwards, logits(0, 0, 0, 6, 5, 9, 8, 7)).commonTop5, 2)
})

test('logits of another number of classes are refused', () => {
  assert.throws(() => measureDistance(logits(1, 2), logits(1)), /^RangeError: 2 logits against 1$/)
})

test('a file of logits has a line for each class, in order', async (t) => {
  assert.deepEqual(
    await readLogits(await writeText(t, 'Index,Value\r\n0,-1.5\r\n1,2e1\r\n')),
    logits(-1.5, 20),
  )
  for (const [text, expected] of [
    ['0,1\n1,2\n', /must begin with the line "Index,Value"$/],
    ['Index,Value\n0,1\n2,2\n', /line 3 must be "1,<number>"$/],
    ['Index,Value\n0,cat\n', /line 2 must be "0,<number>"$/],
    ['Index,Value\n0,1\n\n2,1\n', /line 3 must be "1,<number>"$/],
  ] as const) {
    await assert.rejects(readLogits(await writeText(t, text)), expected)
  }
})
