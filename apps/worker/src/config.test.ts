import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from './config.ts'

test('nothing set: DenseNet-121, no stand-in, a thread per core', () => {
  const config = loadConfig({ HOME: '/home/someone' })
  assert.equal(config.model.name, 'densenet-121')
  assert.equal(config.model.isStandInAllowed, false)
  assert.equal(config.model.dir, null)
  assert.equal(config.inferenceThreads, null)
  assert.equal(config.drainTimeoutMs, 20_000)
})

test('an empty string is a variable that is not set', () => {
  assert.equal(loadConfig({ MODEL_DIR: '', INFERENCE_THREADS: '', HOME: '/' }).model.dir, null)
})

test('bad values are named together with their rules', () => {
  assert.throws(
    () => loadConfig({ INFERENCE_THREADS: 'many', DRAIN_TIMEOUT: 'soon', HOME: '/' }),
    (error) =>
      error instanceof EnvError &&
      /INFERENCE_THREADS/.test(error.message) &&
      /DRAIN_TIMEOUT/.test(error.message),
  )
})
