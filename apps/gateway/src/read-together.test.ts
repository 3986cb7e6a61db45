import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReadTogether } from './read-together.ts'

/** Reads the length of an id; says what was read together. */
const open = (idsMax = 100) => {
  const batches: string[][] = []
  const readMany = async (ids: string[]): Promise<number[]> => {
    batches.push([...ids])
    if (ids.includes('bad')) throw new Error('away')
    return ids.map((id) => id.length)
  }
  return { batches, read: createReadTogether(readMany, { idsMax }) }
}

test('what is asked for in one turn is read together, and each gets its own', async () => {
  const { batches, read } = open()
  assert.deepEqual(await Promise.all(['a', 'bcd', 'ef'].map(read)), [1, 3, 2])
  assert.deepEqual(batches, [['a', 'bcd', 'ef']])
})

test('who asks for the same shares one reading; who asks later gets a later one', async () => {
  const { batches, read } = open()
  assert.deepEqual(await Promise.all(['a', 'a', 'bc'].map(read)), [1, 1, 2])
  assert.equal(await read('a'), 1)
  assert.deepEqual(batches, [['a', 'bc'], ['a']])
})

test('what is too much for one reading is several', async () => {
  const { batches, read } = open(2)
  assert.deepEqual(await Promise.all(['a', 'bc', 'a', 'def'].map(read)), [1, 2, 1, 3])
  assert.deepEqual(batches, [['a', 'bc'], ['def']])
})

test('a reading that fails, fails for all who share it, and for nobody after them', async () => {
  const { read } = open()
  const outcomes = await Promise.allSettled(['a', 'bad'].map(read))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await read('a'), 1)
})
