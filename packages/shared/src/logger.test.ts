import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

/** Runs statements with a `log` in a process of its own, since a logger writes to its stdout. */
const runWithLogger = (statements: string): Record<string, unknown>[] => {
  const module = JSON.stringify(new URL('./logger.js', import.meta.url).href)
  const script = `import { createLogger } from ${module}
    const log = createLogger({ service: 'gateway', level: 'info' })
    ${statements}`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line))
}

test('a line is JSON that names the process and its time, and lines below the level are left out', () => {
  const [line, ...others] = runWithLogger(`log.debug('unseen'); log.info({ id: 'p1' }, 'seen')`)
  assert.deepEqual(others, [])
  assert.deepEqual([line?.['service'], line?.['id'], line?.['msg']], ['gateway', 'p1', 'seen'])
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
})

test('headers that carry secrets are cut out', () => {
  const lines = runWithLogger(`
    log.info({ req: { headers: { authorization: 'hunter2', cookie: 'hunter2', accept: 'image/*' } } }, 'request')
    log.info({ webhook: { webhook_secret: 'hunter2' } }, 'webhook')`)
  assert.doesNotMatch(JSON.stringify(lines), /hunter2/)
  assert.deepEqual(lines[0]?.['req'], { headers: { accept: 'image/*' } })
})

test('of an error only its kind, text, stack and code are logged, not what libraries hang on it', () => {
  const [line] = runWithLogger(`
    const err = Object.assign(new Error('OOM command not allowed', { cause: new Error('the cause') }), {
      code: 'E_FULL',
      command: { name: 'hset', args: ['hunter2'] },
      request: { headers: { authorization: 'hunter2' } },
    })
    log.error({ err }, 'request failed')`)
  const { stack, ...rest } = (line?.['err'] ?? {}) as Record<string, string>
  assert.equal(rest['type'], 'Error')
  assert.match(rest['message'] ?? '', /^OOM command not allowed/)
  assert.equal(rest['code'], 'E_FULL')
  assert.deepEqual(Object.keys(rest).toSorted(), ['code', 'message', 'type'])
  assert.match(stack ?? '', /caused by: Error: the cause/)
  assert.doesNotMatch(JSON.stringify(line), /hunter2/)
})
