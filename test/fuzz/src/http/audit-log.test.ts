import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditLog } from './audit-log.ts'
import { FORGED_MESSAGE } from './hostile-text.ts'

const line = (changes: object = {}): string =>
  JSON.stringify({
    level: 30,
    time: '2026-03-01T12:00:00.000Z',
    service: 'gateway',
    msg: 'request',
    path: '/livez',
    ...changes,
  })

test('own lines are counted, with the paths that they name', () => {
  const audit = auditLog(`${line()}\n${line({ path: `/a\u001B[31m\n${FORGED_MESSAGE}` })}\n`, ['a-secret'])
  assert.deepEqual([audit.lines, audit.forged, audit.leaking, audit.errors], [2, [], [], []])
  assert.ok(audit.paths.has('/livez'))
})

test('a line that is broken, forged, of somebody else, or with a secret in it, is found', () => {
  const forged = [
    '{"level":30',
    'plain text',
    '7',
    line({ msg: FORGED_MESSAGE }),
    line({ service: 'another' }),
    line({ time: 'now' }),
    line().replace('request', 'a\u001B[31m'),
    line().replace('request', 'a\u007F'),
  ]
  const leaking = line({ token: 'a-secret' })
  const error = line({ level: 50 })
  const audit = auditLog([...forged, leaking, error].join('\n'), ['a-secret'])
  assert.deepEqual(audit.forged, forged)
  assert.deepEqual(audit.leaking, [leaking])
  assert.deepEqual(audit.errors, [error])
})
