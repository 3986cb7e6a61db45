/** Guarantee: what `pnpm tune` prints are settings that a worker takes. */
import { makeJpeg } from '@menagerie/harness/pictures'
import { readCpuBudget } from '@menagerie/inference/cpu-budget'
import { CHANNEL_MEANS, encodeTinyModel } from '@menagerie/inference/testing/tiny-model'
import { loadManifest } from '@menagerie/model-files/manifest'
import { loadConfig } from '@menagerie/worker/config'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { parseEnv } from 'node:util'

const root = await mkdtemp(join(tmpdir(), 'menagerie-tune-'))
after(() => rm(root, { recursive: true }))
await mkdir(join(root, 'tiny'))
await mkdir(join(root, 'photos'))
const { manifest } = await loadManifest('mobilenet-v2')
const input = { ...manifest.input, resize: 10, crop: 8 }
await writeFile(
  join(root, 'tiny', 'manifest.json'),
  JSON.stringify({ ...manifest, name: 'tiny', input, labels: 'labels.json' }),
)
await writeFile(join(root, 'tiny', 'labels.json'), '{"0":["n1","cat"],"1":["n2","dog"],"2":["n3","hen"]}')
await writeFile(join(root, 'tiny', 'model.onnx'), encodeTinyModel(CHANNEL_MEANS))
await writeFile(join(root, 'photos', 'a.jpg'), await makeJpeg())

const runTune = async (...args: string[]) => {
  const env = { MODEL: 'tiny', MODEL_DIR: root, MODEL_CACHE_DIR: join(root, 'cache') }
  const main = join(import.meta.dirname, 'tune.js')
  const child = spawn(
    process.execPath,
    [main, '--photos', join(root, 'photos'), '--seconds', '0.03', ...args],
    {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, status: child.exitCode }
}

/** The settings of one printed line, as a worker reads them. */
const loadLine = (line: string) => loadConfig({ HOME: root, ...parseEnv(line.replaceAll(' ', '\n')) })

const assertIsForThisMachine = (line: string): void => {
  const { inferenceThreads, jobConcurrency } = loadLine(line)
  assert.ok(inferenceThreads !== null && inferenceThreads >= 1 && inferenceThreads <= readCpuBudget())
  assert.ok(jobConcurrency !== null && jobConcurrency >= 1)
}

test('it prints a table and the best settings for each aim, which a worker takes', async () => {
  const { out, err, status } = await runTune()
  assert.equal(status, 0, err)
  assert.match(err, /100 % of \d+ turns/)
  const lines = out.trim().split('\n')
  assert.match(lines[0] ?? '', /sessions +threads each +concurrency +images\/s +p50 ms +p99 ms +alone ms/)
  const [throughputTitle, throughput = '', latencyTitle, latency = ''] = lines.slice(-4)
  assert.match(throughputTitle ?? '', /^# throughput: [\d.]+ images\/s, p50 \d+ ms$/)
  assert.match(latencyTitle ?? '', /^# latency: \d+ ms alone, [\d.]+ images\/s$/)
  for (const line of [throughput, latency]) assertIsForThisMachine(line)
})

test('with --json it prints one object, with every candidate', async () => {
  const { out, err, status } = await runTune('--json')
  assert.equal(status, 0, err)
  const result = JSON.parse(out)
  assert.deepEqual([result.bench, result.model], ['tune', 'tiny'])
  for (const { env, images_per_s, p50_ms, alone_ms } of result.candidates) {
    assertIsForThisMachine(env)
    assert.ok(images_per_s > 0 && p50_ms > 0 && alone_ms > 0)
  }
  for (const best of [result.throughput, result.latency]) {
    assert.ok(result.candidates.some(({ env }: { env: string }) => env === best.env))
  }
})

test('a folder without pictures and a time that is none are refused', async () => {
  const refused = await Promise.all([runTune('--photos', join(root, 'tiny')), runTune('--seconds', 'soon')])
  assert.deepEqual(
    refused.map(({ status, out }) => [status, out]),
    refused.map(() => [1, '']),
  )
  assert.match(refused[0]?.err ?? '', /has no pictures/)
  assert.match(refused[1]?.err ?? '', /--seconds must be a number above 0/)
})
