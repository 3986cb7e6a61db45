// `./run.sh --docker` does what the script of the old server did: it builds, starts, and classifies a folder.
import { findFreePort } from '@menagerie/harness/processes'
import { REPO_ROOT } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Releasers } from '@menagerie/shared/releasers'
import { randomUUID } from 'node:crypto'
import { docker, hasEngine, NO_ENGINE, removeImages, type DockerEnv } from './docker.ts'
import { findWeights } from './weights.ts'

// A project of its own, and not the settings that somebody has in the checkout.
const NOBODYS = {
  COMPOSE_PROJECT_NAME: `menagerie-test-${randomUUID().slice(0, 8)}`,
  COMPOSE_ENV_FILES: '/dev/null',
}

const runScript = async (
  args: string[],
  env: DockerEnv,
): Promise<{ code: number | null; output: string }> => {
  const child = spawn(join(REPO_ROOT, 'run.sh'), ['--docker', ...args], { env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

test('it says what it does not understand, and what is missing', async () => {
  const unknown = await runScript(['--skip-everything'], {})
  assert.equal(unknown.code, 2)
  assert.match(unknown.output, /unknown argument '--skip-everything'/)
  const missing = await runScript([], { DOCKER: 'no-such-docker' })
  assert.equal(missing.code, 1)
  assert.match(missing.output, /no-such-docker is not installed: https:/)
  const silent = await runScript(['--skip-build', '--skip-start'], {
    ...NOBODYS,
    SERVER_ADDR: '',
    DATA_DIR: '/nonexistent',
    PORT: '1',
    READY_TIMEOUT: '1',
  })
  assert.equal(silent.code, 1)
  assert.match(silent.output, /http:\/\/127\.0\.0\.1:1 is not ready after 1 s/)
})

test('it builds, starts and classifies', { skip: (await hasEngine()) ? false : NO_ENGINE }, async (t) => {
  const releasers = new Releasers()
  t.after(() => releasers.close())
  const weights = await findWeights()
  releasers.push('weights', weights.remove)
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-pictures-'))
  releasers.push('pictures', () => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'a dog; or not.jpg'), await readTestPicture())
  await writeFile(join(dir, 'rubbish.png'), 'this is no picture')
  await writeFile(join(dir, 'notes.txt'), 'and this is none that is looked at')
  const env: DockerEnv = {
    ...NOBODYS,
    IMAGE: 'menagerie-script-test',
    MODEL: weights.model,
    MODEL_DIR: weights.dir,
    ALLOW_STAND_IN: weights.isTrained ? '0' : '1',
    PORT: `127.0.0.1:${await findFreePort()}`,
    DATA_DIR: dir,
  }
  releasers.push('images', () => removeImages('menagerie-script-test-*'))
  releasers.push('composition', () => docker(['compose', 'down', '--volumes', '--timeout', '5'], env))

  const expected = new RegExp(
    [
      String.raw`a dog; or not\.jpg\nHTTP/1\.1 200 OK\n`,
      weights.isTrained
        ? String.raw`\{"class_id":"n02099601","class_name":"golden_retriever"\}\n\n`
        : String.raw`\{"class_id":"n\d+","class_name":"\w+"\}\n\(untrained stand-in: .*\)\n\n`,
      String.raw`rubbish\.png\nHTTP/1\.1 415 Unsupported Media Type\n.*"code":"image_type_unsupported".*\n\n`,
      String.raw`2 pictures, 1 answered\n`,
    ].join(''),
  )
  const all = await runScript([], env)
  assert.match(all.output, expected)
  assert.equal(all.code, 1, 'one picture has got no class')

  await rm(join(dir, 'rubbish.png'))
  // Where compose has published the port, whatever is said here.
  const again = await runScript(['--skip-build', '--skip-start'], { ...env, PORT: '1' })
  assert.match(again.output, /^a dog; or not\.jpg\nHTTP\/1\.1 200 OK\n/)
  assert.match(again.output, /1 picture, 1 answered\n$/)
  assert.equal(again.code, 0)
  const elsewhere = await runScript(['--skip-build', '--skip-start'], {
    ...env,
    SERVER_ADDR: `${env['PORT']}/`,
  })
  assert.equal(elsewhere.code, 0, elsewhere.output)
  const untested = await runScript(['--skip-build', '--skip-test'], env)
  assert.equal(untested.code, 0, untested.output)
  assert.doesNotMatch(untested.output, /answered/)
})
