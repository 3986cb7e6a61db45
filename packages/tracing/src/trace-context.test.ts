import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readJobTrace, readTraceHeaders, traceIdsOf } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const GOOD = `00-${TRACE}-${SPAN}-01`

test('a traceparent is taken over, with its tracestate', () => {
  assert.deepEqual(readTraceHeaders({ traceparent: GOOD, tracestate: 'a=1,b=2' }), {
    traceparent: GOOD,
    tracestate: 'a=1,b=2',
  })
  assert.deepEqual(readTraceHeaders({ traceparent: `00-${TRACE}-${SPAN}-00` }), {
    traceparent: `00-${TRACE}-${SPAN}-00`,
  })
})

test('of a later version it is what everybody knows, of flags those with a meaning', () => {
  for (const later of [`cc-${TRACE}-${SPAN}-01`, `01-${TRACE}-${SPAN}-fd-what-comes`]) {
    assert.deepEqual(readTraceHeaders({ traceparent: later }), { traceparent: GOOD })
  }
})

test('what is no traceparent is ignored', () => {
  const bad = [
    '',
    'x',
    `${GOOD}-more`,
    `${GOOD}, ${GOOD}`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01\n`,
    'x'.repeat(10_000),
  ]
  for (const traceparent of bad) {
    assert.equal(readTraceHeaders({ traceparent, tracestate: 'a=1' }), undefined, traceparent)
  }
  assert.equal(readTraceHeaders({ tracestate: 'a=1' }), undefined)
})

test('a tracestate that is too long or cannot be sent on is left out', () => {
  for (const tracestate of [`a=${'1'.repeat(600)}`, 'a=é', 'a=1\r\nx: 1', '']) {
    assert.deepEqual(readTraceHeaders({ traceparent: GOOD, tracestate }), { traceparent: GOOD })
  }
})

test('a job may have any data', () => {
  for (const data of [undefined, null, 1, {}, { trace: 1 }, { trace: { traceparent: 2 } }]) {
    assert.equal(readJobTrace(data), undefined)
  }
  assert.deepEqual(traceIdsOf(readJobTrace({ trace: { traceparent: GOOD } })), { trace_id: TRACE })
  assert.deepEqual(traceIdsOf({ traceparent: 'x' }), {})
  assert.deepEqual(traceIdsOf(undefined), {})
})
