import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError, ERRORS, formatFailedReason, parseFailedReason, type ErrorCode } from './errors.ts'

const CODES = Object.keys(ERRORS).filter((name): name is ErrorCode => name in ERRORS)

test('every code survives the way through a failed reason, with any message of ours', () => {
  const messages = [
    'plain',
    'with: a colon',
    'two: of: them',
    '',
    'ünïcode – 漢字',
    'over\ntwo lines',
    ' spaces ',
  ]
  for (const code of CODES) {
    for (const message of messages) {
      assert.deepEqual(parseFailedReason(formatFailedReason(code, message)), { code, message })
    }
  }
})

test('what BullMQ writes when every worker died becomes worker_lost', () => {
  const reason = parseFailedReason('job stalled more than allowable limit')
  assert.equal(reason.code, 'worker_lost')
  assert.doesNotMatch(reason.message, /stalled|allowable/)
})

const SECRET = 'redis://:hunter2@10.0.0.7/0'
const FOREIGN = [
  '',
  SECRET,
  `Error: connect ECONNREFUSED ${SECRET}`,
  `TypeError: cannot read ${SECRET}\n    at run (/srv/app/worker.js:3:7)`,
  `: ${SECRET}`,
  `image_undecodable:${SECRET}`,
  ` image_undecodable: ${SECRET}`,
  `Image_Undecodable: ${SECRET}`,
  `no_such_code: ${SECRET}`,
  // Every object has these; none of them is a code.
  `toString: ${SECRET}`,
  `constructor: ${SECRET}`,
  `__proto__: ${SECRET}`,
]
test('foreign text never reaches a client', () => {
  for (const text of FOREIGN) {
    const { code, message } = parseFailedReason(text)
    assert.equal(code, 'internal_error', text)
    assert.equal(message, parseFailedReason('anything else').message, text)
  }
})

test('an AppError carries code, public message and cause', () => {
  const cause = new Error('inner')
  const error = new AppError('image_undecodable', 'it may be damaged', { cause })
  assert.deepEqual(
    [error.code, error.message, error.cause],
    ['image_undecodable', 'it may be damaged', cause],
  )
})
