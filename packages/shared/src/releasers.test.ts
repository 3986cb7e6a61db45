import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Releasers } from './releasers.ts'

const yieldTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Pushes releases that note their beginning and their end. */
const pushNoting = (releasers: Releasers, names: string[]): string[] => {
  const notes: string[] = []
  for (const name of names) {
    releasers.push(name, async () => {
      notes.push(`${name} begins`)
      await yieldTurn()
      notes.push(`${name} ends`)
    })
  }
  return notes
}

test('what was opened last is closed first, one after the other', async () => {
  const releasers = new Releasers()
  const notes = pushNoting(releasers, ['redis', 'queue', 'server'])
  await releasers.close()
  assert.deepEqual(notes, [
    'server begins',
    'server ends',
    'queue begins',
    'queue ends',
    'redis begins',
    'redis ends',
  ])
})

test('one that fails keeps no other from being closed; all failures are told together, by name', async () => {
  const releasers = new Releasers()
  const notes: string[] = []
  const rejected = new Error('rejected')
  releasers.push('first', () => notes.push('first'))
  releasers.push('second', () => Promise.reject(rejected))
  releasers.push('third', () => notes.push('third'))
  releasers.push('fourth', () => {
    throw new Error('thrown')
  })
  await assert.rejects(releasers.close(), (error: unknown) => {
    assert.ok(error instanceof AggregateError)
    const errors: Error[] = error.errors
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['could not close fourth', 'could not close second'],
    )
    assert.equal(errors[1]?.cause, rejected)
    return true
  })
  assert.deepEqual(notes, ['third', 'first'])
})

test('whoever closes it again waits for the one run, and learns of its failure', async () => {
  const releasers = new Releasers()
  const notes = pushNoting(releasers, ['server'])
  await Promise.all([releasers.close(), releasers.close()])
  await releasers.close()
  assert.deepEqual(notes, ['server begins', 'server ends'])

  const failing = new Releasers()
  failing.push('server', () => Promise.reject(new Error('no')))
  const outcomes = await Promise.allSettled([failing.close(), failing.close()])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('it can be closed while it is empty', () => new Releasers().close())

test('an async disposable is closed by the platform’s own call', async () => {
  const releasers = new Releasers()
  const notes = pushNoting(releasers, ['server'])
  await releasers[Symbol.asyncDispose]()
  assert.deepEqual(notes, ['server begins', 'server ends'])
})
