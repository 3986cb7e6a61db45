import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { EnvError, loadEnv } from '../env.ts'
import { SHARED_SETTINGS } from '../settings.ts'
import { readUploadSettings } from './upload-settings.ts'

const load = (env: Record<string, string>) => readUploadSettings(loadEnv(Type.Object(SHARED_SETTINGS), env))

const refusal = (env: Record<string, string>): string => {
  try {
    load(env)
  } catch (error) {
    assert.ok(error instanceof EnvError, String(error))
    return error.message
  }
  return assert.fail('the settings were taken')
}

const S3 = {
  UPLOAD_STORE: 's3',
  S3_ENDPOINT: 'https://s3.example.com/',
  S3_BUCKET: 'pictures',
  S3_ACCESS_KEY_ID: 'AKIA',
  S3_SECRET_ACCESS_KEY: 'hunter2',
}

test('by default pictures are in Redis, whatever else is set', () => {
  assert.deepEqual(load({}), { kind: 'redis' })
  assert.deepEqual(load({ ...S3, UPLOAD_STORE: 'redis', UPLOAD_DIR: '/srv' }), { kind: 'redis' })
})

test('each store gets what it needs', () => {
  assert.deepEqual(load({ UPLOAD_STORE: 'fs', UPLOAD_DIR: '/srv/uploads' }), {
    kind: 'fs',
    dir: '/srv/uploads',
  })
  assert.deepEqual(load({ ...S3, S3_PREFIX: 'a/b.c/', S3_REGION: 'eu-central-1' }), {
    kind: 's3',
    endpoint: 'https://s3.example.com',
    bucket: 'pictures',
    region: 'eu-central-1',
    prefix: 'a/b.c/',
    accessKeyId: 'AKIA',
    secretAccessKey: 'hunter2',
  })
})

test('what is missing is named together with the rule', () => {
  assert.match(refusal({ UPLOAD_STORE: 'fs' }), /UPLOAD_DIR must be set when UPLOAD_STORE is fs/)
  const message = refusal({ UPLOAD_STORE: 's3' })
  for (const name of ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY']) {
    assert.match(message, new RegExp(`${name} must be set when UPLOAD_STORE is s3`))
  }
})

const BAD: Array<[name: string, value: string]> = [
  ['UPLOAD_STORE', 'ftp'],
  ['UPLOAD_DIR', 'uploads'],
  ['S3_ENDPOINT', 's3.example.com'],
  ['S3_ENDPOINT', 'https://key:hunter2@s3.example.com'],
  ['S3_BUCKET', 'a/b'],
  ['S3_PREFIX', '/photos/'],
  ['S3_PREFIX', 'photos'],
  ['S3_PREFIX', '../photos/'],
]
for (const [name, value] of BAD) {
  test(`${name}=${value} is refused by name, and not printed`, () => {
    const message = refusal({ [name]: value })
    assert.match(message, new RegExp(`^ {2}${name} `, 'm'))
    assert.doesNotMatch(message, /hunter2/)
  })
}
