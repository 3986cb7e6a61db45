import { EnvError, loadEnv } from '@menagerie/shared/env'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { readTracingSettings, tracingSettings } from './settings.ts'

const read = (env: Record<string, string>) =>
  readTracingSettings(loadEnv(Type.Object(tracingSettings('menagerie-test')), env))

const ENDPOINT = 'http://collector:4318'

test('without an endpoint it is off', () => {
  assert.equal(read({ OTEL_TRACES_SAMPLER: 'always_on' }), null)
})

test('what is set is read, and what is not has the defaults of OpenTelemetry', () => {
  assert.deepEqual(read({ OTEL_EXPORTER_OTLP_ENDPOINT: `${ENDPOINT}/` }), {
    endpoint: ENDPOINT,
    headers: {},
    attributes: { 'service.name': 'menagerie-test' },
    sampler: 'parentbased_always_on',
    ratio: 1,
  })
  const config = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/base',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20abc==, x-tenant=one',
    OTEL_SERVICE_NAME: 'photos',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging,note=a%2Cb',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  })
  assert.deepEqual(config, {
    endpoint: 'https://collector/base',
    headers: { authorization: 'Basic abc==', 'x-tenant': 'one' },
    attributes: { 'deployment.environment.name': 'staging', note: 'a,b', 'service.name': 'photos' },
    sampler: 'parentbased_traceidratio',
    ratio: 0.25,
  })
})

test('what is not valid ends the start with its name, and never with a header', () => {
  const bad: Record<string, string[]> = {
    OTEL_EXPORTER_OTLP_ENDPOINT: [
      'collector:4318',
      'grpc://collector',
      'http://',
      'http://a:99999',
      'http://a?b=c',
    ],
    OTEL_EXPORTER_OTLP_HEADERS: ['secret', '=secret', 'a b=secret', 'a=secret%0d%0ab: c', 'a=%zzsecret'],
    OTEL_RESOURCE_ATTRIBUTES: ['x', '=x', 'x=%'],
    OTEL_TRACES_SAMPLER: ['sometimes'],
    OTEL_TRACES_SAMPLER_ARG: ['2', '-1', 'half', '1.5'],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      assert.throws(
        () => read({ OTEL_EXPORTER_OTLP_ENDPOINT: ENDPOINT, [name]: value }),
        (error) =>
          error instanceof EnvError && error.message.includes(name) && !error.message.includes('secret'),
        `${name}=${value}`,
      )
    }
  }
})
