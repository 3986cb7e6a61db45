import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HttpReport } from './http/http-report.ts'

const CASES = 3000

const run = (...args: string[]): Promise<{ code: number; report: HttpReport; stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [join(import.meta.dirname, 'http.js'), ...args],
      (_error, stdout, stderr) => {
        try {
          const report: HttpReport = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
          resolve({ code: child.exitCode ?? -1, report, stderr })
        } catch {
          reject(new Error(`no report:\n${stdout}${stderr}`))
        }
      },
    )
  })

test(
  '3,000 hostile requests: no crash, no error of the server, no forged line of the log, nothing left behind',
  { timeout: 600_000 },
  async () => {
    const { code, report, stderr } = await run('--cases', String(CASES))
    assert.equal(code, 0, `${JSON.stringify(report)}\n${stderr}`)
    assert.deepEqual(
      [report.crashes, report.unexpected_5xx, report.unexpected, report.hangs, report.smuggled],
      [0, 0, 0, 0, 0],
    )
    assert.deepEqual([report.uploads_left, report.jobs_left, report.sockets_left ?? 0], [0, 0, 0])
    assert.deepEqual([report.forged_log_lines, report.leaking_log_lines, report.log_errors], [0, 0, 0])
    assert.equal(report.good_requests, CASES / 50)
    // Cases that all end in the same way would prove little.
    for (const status of [202, 400, 401, 404, 408, 413, 415, 431, 504]) {
      assert.ok((report.answered[status] ?? 0) > 0, `${status} is never answered: ${JSON.stringify(report)}`)
    }
  },
)
