import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditBooks, metadataOf, type Evidence } from './audit.ts'
import { createBooks, type View } from './books.ts'
import type { Expected } from './reference.ts'
import type { Submission } from './submissions.ts'

const submission: Submission = {
  number: 7,
  key: 'key-7',
  picture: 0,
  topK: 1,
  isWebhookWanted: true,
  isFresh: true,
  waitSeconds: null,
  isRepeated: false,
  isWatched: false,
  isForm: true,
}
const EXPECTED: Expected = {
  status: 'succeeded',
  topK: [
    [2, 0.75],
    [0, 0.25],
  ],
}
const GOOD: View = { status: 'succeeded', topK: [[2, 0.75]], error: null, metadata: metadataOf(submission) }

const makeHook = (changes: { id?: string; isSignatureValid?: boolean; status?: string } = {}) => ({
  id: changes.id ?? 'wh-1',
  body: '',
  event: { type: '', timestamp: '', data: { id: 'one', status: changes.status ?? 'succeeded' } },
  isSignatureValid: changes.isSignatureValid ?? true,
  traceparent: undefined,
})

/** The books of one prediction that went well, but for the changes; returns the kinds of what is found. */
const findKinds = (
  change: (books: ReturnType<typeof createBooks>) => void,
  evidence: Partial<Evidence> & { view?: View | null } = {},
  hooks = [makeHook()],
): string[] => {
  const books = createBooks()
  books.accept(submission, 'one')
  for (const hook of hooks) books.receive(hook)
  change(books)
  const { view = GOOD, ...rest } = evidence
  const views = new Map([...books.accepted.keys()].map((id) => [id, view]))
  const found = auditBooks(books, { views, jobs: [], uploads: [], ...rest }, () => EXPECTED)
  return found.map(({ kind }) => kind)
}
const nothing = (): void => undefined

test('a prediction that went well, and was announced twice under one id, is no finding', () => {
  assert.deepEqual(findKinds(nothing, {}, [makeHook(), makeHook()]), [])
})

test('lost: not there, not ended, or ended otherwise for no reason of the client', () => {
  assert.deepEqual(findKinds(nothing, { view: null }), ['lost'])
  const failed: View = { ...GOOD, status: 'failed', topK: null, error: 'worker_lost' }
  assert.deepEqual(findKinds(nothing, { view: failed }, [makeHook({ status: 'failed' })]), ['lost'])
  const running: View = { ...GOOD, status: 'processing', topK: null }
  assert.ok(findKinds(nothing, { view: running }).includes('lost'))
})

test('wrong: the answer of another picture, the metadata of another request', () => {
  assert.deepEqual(findKinds(nothing, { view: { ...GOOD, topK: [[2, 0.7]] } }), ['wrong'])
  assert.deepEqual(findKinds(nothing, { view: { ...GOOD, topK: [[1, 0.75]] } }), ['wrong'])
  assert.deepEqual(findKinds(nothing, { view: { ...GOOD, metadata: { n: 8 } } }), ['wrong'])
})

test('wrong: a terminal status that changed, or a prediction that was not found for a moment', () => {
  const expired: View = { ...GOOD, status: 'expired', topK: null }
  assert.deepEqual(
    findKinds((books) => books.see('one', expired)),
    ['wrong'],
  )
  assert.deepEqual(
    findKinds((books) => books.see('one', null)),
    ['wrong'],
  )
  assert.deepEqual(
    findKinds((books) => books.see('one', { ...GOOD, status: 'processing' })),
    [],
  )
})

test('doubled: two ids for one key, as a client was told or as they lie in Redis; two ids of a webhook', () => {
  assert.ok(findKinds((books) => books.accept(submission, 'two')).includes('doubled'))
  assert.deepEqual(
    findKinds((books) => books.accept(submission, 'one')),
    [],
  )
  const jobs = [
    { id: 'one', key: 'key-7' },
    { id: 'unseen', key: 'key-7' },
  ]
  assert.deepEqual(findKinds(nothing, { jobs }), ['doubled'])
  assert.deepEqual(findKinds(nothing, {}, [makeHook(), makeHook({ id: 'wh-2' })]), ['doubled'])
})

test('orphan uploads are counted one by one', () => {
  assert.deepEqual(findKinds(nothing, { uploads: ['a', 'b'] }), ['orphan_uploads', 'orphan_uploads'])
})

test('webhooks: missing, or with a signature that is not valid, or with another status', () => {
  assert.deepEqual(findKinds(nothing, {}, []), ['webhooks_missing'])
  assert.deepEqual(findKinds(nothing, {}, [makeHook(), makeHook({ isSignatureValid: false })]), ['wrong'])
  assert.deepEqual(findKinds(nothing, {}, [makeHook({ status: 'failed' })]), ['wrong'])
})
