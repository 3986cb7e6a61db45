import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError, type ErrorCode } from '@menagerie/contract/errors'
import { UnrecoverableError } from 'bullmq'
import { toJobError } from './failure.ts'

const CODES: [code: ErrorCode, isFinal: boolean][] = [
  ['image_type_unsupported', true],
  ['image_undecodable', true],
  ['image_too_large', true],
  ['decode_timeout', true],
  ['inference_failed', false],
]
test('what is wrong with the picture is not tried again; what may be wrong with us is', () => {
  for (const [code, isFinal] of CODES) {
    const error = toJobError(new AppError(code, 'the reason'))
    assert.equal(error instanceof UnrecoverableError, isFinal, code)
    assert.equal(error.message, `${code}: the reason`)
  }
})
