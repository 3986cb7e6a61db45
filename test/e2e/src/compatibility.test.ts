// The lines that docs/compatibility.md shows are run as they stand there, against real processes.
import { REPO_ROOT } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startService } from './service.ts'

const run = promisify(execFile)

test('the lines of docs/compatibility.md do what they say', async (t) => {
  const service = await startService(t)
  await service.startWorker()
  const document = await readFile(join(REPO_ROOT, 'docs', 'compatibility.md'), 'utf8')
  const blocks = Array.from(document.matchAll(/^```sh\n(.*?)^```/gms), ([, block]) => block ?? '')
  assert.equal(blocks.length, 5)

  const folder = await mkdtemp(join(tmpdir(), 'compatibility-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'dog.jpg'), await readTestPicture())
  // An answer that is an error fails the line, and each answer is a line of its own.
  await writeFile(join(folder, '.curlrc'), 'silent\nfail-with-body\nwrite-out = "\\n"\n')
  const env = { ...process.env, HOME: folder, CURL_HOME: folder }

  const answers: string[][] = []
  for (const block of blocks) {
    const script = block
      .replaceAll('http://127.0.0.1:5000', service.gateway.url)
      .replaceAll('densenet-121', service.env['MODEL'] ?? '')
    const { stdout } = await run('sh', ['-euc', script], { cwd: folder, env })
    answers.push(stdout.trim().split('\n'))
  }
  const [metadata = [], json = [], , classification = [], torchServe = []] = answers
  assert.equal(metadata.length, 4)
  assert.equal((JSON.parse(json[0] ?? '') as { id: string }).id, '42')
  const { outputs } = JSON.parse(classification[0] ?? '') as { outputs: Array<{ data: string[] }> }
  const [[best = ''] = []] = outputs.map(({ data }) => data)
  assert.match(best, /^[01]\.\d{6}:\d+:\w+$/)
  const [ping, ...probabilities] = torchServe
  assert.equal(ping, '{"status":"Healthy"}')
  assert.equal(probabilities.length, 3)
  const name = best.split(':').at(-1) ?? ''
  for (const answer of probabilities) {
    assert.equal(Object.keys(JSON.parse(answer) as object)[0], name)
  }
  const binary = await readFile(join(folder, 'outputs.bin'))
  assert.ok(binary.includes(name))
})
