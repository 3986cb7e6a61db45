import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { buildCase } from './build-case.ts'
import type { Report } from './report.ts'
import { makeSeedFiles } from './seed-files.ts'

const run = (...args: string[]): Promise<{ code: number; report: Report; stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [join(import.meta.dirname, 'images.js'), ...args],
      (_error, stdout, stderr) => {
        try {
          const report: Report = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
          resolve({ code: child.exitCode ?? -1, report, stderr })
        } catch {
          reject(new Error(`no report:\n${stdout}${stderr}`))
        }
      },
    )
  })

const countRefused = ({ refused }: Report): number => Object.values(refused).reduce((sum, n) => sum + n, 0)

test(
  '2,000 damaged pictures end in pixels or a documented error, with memory to spare',
  { timeout: 600_000 },
  async () => {
    const { code, report, stderr } = await run('--count', '2000')
    assert.equal(code, 0, `${JSON.stringify(report)}\n${stderr}`)
    assert.equal(report.cases, 2000)
    assert.deepEqual([report.unexpected, report.crashes, report.hangs], [0, 0, 0])
    assert.equal(report.decoded + countRefused(report), 2000)
    // Damage that always or never shows would prove nothing.
    assert.ok(report.decoded > 200, String(report.decoded))
    for (const code of ['image_too_large', 'image_type_unsupported', 'image_undecodable']) {
      assert.ok((report.refused[code] ?? 0) > 0, code)
    }
    assert.ok(
      report.rss_max_mb <= report.rss_max_allowed_mb && report.rss_end_mb <= report.rss_end_allowed_mb,
    )
  },
)

test(
  'a crash, a hang and a wrong answer are counted and kept, and the cases around them run',
  { timeout: 300_000 },
  async (t) => {
    const odd = join(import.meta.dirname, 'testing', 'odd-child.js')
    const { code, report, stderr } = await run('--count', '40', '--child', odd, '--hang-timeout-ms', '3000')
    assert.equal(code, 1)
    assert.deepEqual([report.crashes, report.hangs, report.unexpected], [1, 1, 1])
    assert.equal(report.decoded, 37)
    assert.match(stderr, /crash, seed 1, case 7: SIGSEGV/)
    assert.match(stderr, /hang, seed 1, case 13: no answer/)
    assert.match(stderr, /unexpected, seed 1, case 20: odd/)

    const saved = Array.from(stderr.matchAll(/^ {2}(\/.*seed-1-case-\d+)$/gm), ([, path = '']) => path)
    const [first = ''] = saved
    t.after(() => rm(dirname(first), { recursive: true }))
    const files = await makeSeedFiles()
    for (const number of [7, 13, 20]) {
      const path =
        saved.find((name) => name.endsWith(`-case-${number}`)) ?? assert.fail(`${number} is not kept`)
      assert.deepEqual(await readFile(path), buildCase(1, number, files).bytes)
    }
  },
)
