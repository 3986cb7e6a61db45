import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Summary } from './report.ts'

const run = async (t: TestContext, ...args: string[]) => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-chaos-test-'))
  t.after(() => rm(dir, { recursive: true }))
  const reportPath = join(dir, 'report.md')
  const main = join(import.meta.dirname, 'main.js')
  return new Promise<{ code: number | null; summary: Summary; report: string }>((resolve, reject) => {
    const child = execFile(
      process.execPath,
      ['--enable-source-maps', main, ...args, '--report', reportPath],
      { env: { ...process.env, TMPDIR: dir } },
      (_error, stdout, stderr) => {
        const read = async () => ({
          code: child.exitCode,
          summary: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Summary,
          report: await readFile(reportPath, 'utf8'),
        })
        read().then(resolve, () => reject(new Error(`no report:\n${stdout}${stderr}`)))
      },
    )
  })
}

test('300 predictions come through twelve kills, and nothing is lost', { timeout: 600_000 }, async (t) => {
  const { code, summary, report } = await run(t, '--jobs', '300', '--kills', '12')
  const { accepted, seconds, ...counts } = summary
  assert.deepEqual(
    counts,
    {
      bench: 'chaos',
      lost: 0,
      wrong: 0,
      doubled: 0,
      orphan_uploads: 0,
      webhooks_missing: 0,
      unexpected: 0,
      kills: 12,
      seed: 1,
    },
    report,
  )
  assert.ok(accepted > 270, String(accepted))
  assert.ok(seconds > 0)
  assert.match(report, /kill -9 redis/)
  assert.equal(code, 0)
})

const skip =
  spawnSync('cc', ['--version']).status === 0 ? false : 'no C compiler, with which the disk is made slow'

test('a Redis that writes once a second is found out', { skip, timeout: 600_000 }, async (t) => {
  const { code, summary, report } = await run(
    t,
    '--jobs',
    '1000',
    '--kills',
    '8',
    '--appendfsync',
    'everysec',
  )
  assert.ok(summary.lost + summary.wrong + summary.webhooks_missing > 0, report)
  assert.equal(code, 1)
})

test('a worker that drops what it should hand back is found out', { timeout: 600_000 }, async (t) => {
  const { code, summary, report } = await run(
    t,
    '--jobs',
    '400',
    '--seed',
    '3',
    '--kills',
    '0',
    '--break',
    'hand-back',
  )
  assert.ok(summary.lost > 0, report)
  assert.match(report, /\*\*lost\*\* `[0-9a-f-]{36}` was accepted, and is still processing/)
  assert.equal(code, 1)
})
