import { createProblem } from '@menagerie/contract/problem'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeExchange } from './judge-exchange.ts'

const answer = (status: number, body: string, more = 'content-type: application/problem+json\r\n'): string =>
  `HTTP/1.1 ${status} Any Reason\r\n${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const problem = (code: Parameters<typeof createProblem>[0], status: number): string =>
  answer(status, JSON.stringify(createProblem(code, 'ünïcode', 'an-id')))

const kindOf = (text: string, end: 'closed' | 'hang' = 'closed'): string | null =>
  judgeExchange({ text: Buffer.from(text).toString('latin1'), end }).fault?.kind ?? null

test('what a server that is well says is no fault, nor that it says nothing', () => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n'
  for (const text of [
    '',
    problem('request_invalid', 400),
    answer(504, '{"error":"the photo is accepted; its answer will be at http://a/b"}', ''),
    problem('queue_full', 503),
    `${answer(200, '{}', '')}${chunked}${problem('route_not_found', 404)}`,
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    // To HEAD.
    'HTTP/1.1 200 OK\r\ncontent-length: 700\r\n\r\n',
  ]) {
    assert.equal(kindOf(text), null, text)
  }
  const { answers } = judgeExchange({ text: `${chunked}${answer(404, 'x', '')}`, end: 'closed' })
  assert.deepEqual(
    answers.map(({ status, body }) => [status, body]),
    [
      [200, 'abcd'],
      [404, 'x'],
    ],
  )
})

test('errors of the server, injected headers, broken answers and hangs are faults', () => {
  assert.equal(kindOf(problem('internal_error', 500)), 'unexpected_5xx')
  assert.equal(kindOf(problem('queue_unavailable', 503)), 'unexpected_5xx')
  assert.equal(kindOf(problem('prediction_expired', 504)), 'unexpected_5xx')
  assert.equal(kindOf(answer(502, 'x', '')), 'unexpected_5xx')
  assert.equal(kindOf(answer(200, '{}', 'x-injected-by-fuzz: 1\r\n')), 'unexpected')
  assert.equal(kindOf(answer(200, '{}', 'location: a\u0007b\r\n')), 'unexpected')
  assert.equal(kindOf(answer(400, '{"code":"no_code_of_ours"}')), 'unexpected')
  assert.equal(kindOf(problem('route_not_found', 400)), 'unexpected')
  assert.equal(kindOf('200 OK\r\n\r\n'), 'unexpected')
  assert.equal(kindOf(problem('request_invalid', 400), 'hang'), 'hang')
})
