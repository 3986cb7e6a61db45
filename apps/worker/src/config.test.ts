import { EnvError } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from './config.ts'

test('nothing set: DenseNet-121, no stand-in, a thread per core', () => {
  const config = loadConfig({ HOME: '/home/someone' })
  assert.equal(config.model.name, 'densenet-121')
  assert.equal(config.model.isStandInAllowed, false)
  assert.equal(config.model.dir, null)
  assert.equal(config.inferenceMode, 'throughput')
  assert.equal(config.inferenceThreads, null)
  assert.equal(config.jobConcurrency, null)
  assert.equal(config.drainTimeoutMs, 20_000)
})

test('an empty string is a variable that is not set', () => {
  assert.equal(loadConfig({ MODEL_DIR: '', INFERENCE_THREADS: '', HOME: '/' }).model.dir, null)
})

test('the mode and the number of jobs are taken as they are set', () => {
  const env = { INFERENCE_MODE: 'latency', INFERENCE_THREADS: '4', JOB_CONCURRENCY: '3', HOME: '/' }
  const config = loadConfig(env)
  assert.deepEqual([config.inferenceMode, config.inferenceThreads, config.jobConcurrency], ['latency', 4, 3])
})

test('bad values are named together with their rules', () => {
  assert.throws(
    () =>
      loadConfig({
        INFERENCE_MODE: 'fastest',
        INFERENCE_THREADS: 'many',
        JOB_CONCURRENCY: '0',
        DRAIN_TIMEOUT: 'soon',
        HOME: '/',
      }),
    (error) =>
      error instanceof EnvError &&
      /INFERENCE_MODE/.test(error.message) &&
      /INFERENCE_THREADS/.test(error.message) &&
      /JOB_CONCURRENCY/.test(error.message) &&
      /DRAIN_TIMEOUT/.test(error.message),
  )
})
