import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { EnvError, loadEnv } from './env.ts'

const Settings = Type.Object({
  PORT: Type.Integer({ default: 5000, minimum: 0, maximum: 65_535, description: 'Port to listen on' }),
  LEVEL: Type.Enum(['info', 'debug'], { default: 'info' }),
  SECRET: Type.Optional(Type.String({ pattern: '^whsec_', description: 'Key that signs' })),
})
const DEFAULTS = { PORT: 5000, LEVEL: 'info' }

/** The message with which an environment is refused. */
const refusal = (env: Record<string, string | undefined>): string => {
  try {
    loadEnv(Settings, env)
    return assert.fail('the environment was accepted')
  } catch (error) {
    assert.ok(error instanceof EnvError, String(error))
    return error.message
  }
}

test('what is not set, or is an empty string, has its default', () => {
  assert.deepEqual(loadEnv(Settings, {}), DEFAULTS)
  const empty = { PORT: '', LEVEL: '', SECRET: '' }
  assert.deepEqual(loadEnv(Settings, empty), DEFAULTS)
  assert.deepEqual(loadEnv(Settings, { PORT: undefined, SECRET: undefined }), DEFAULTS)
})

test('only plain digits are a number', () => {
  for (const text of ['3.7', '0x10', 'true', '1e3', ' 5'])
    assert.match(refusal({ PORT: text }), /PORT must be/)
})

test('integers are converted, text is left as it is', () => {
  const env = { PORT: '0', LEVEL: 'debug', SECRET: 'whsec_0123' }
  assert.deepEqual(loadEnv(Settings, env), {
    PORT: 0,
    LEVEL: 'debug',
    SECRET: 'whsec_0123',
  })
})

test('variables that are nobody’s setting are left out', () => {
  assert.deepEqual(loadEnv(Settings, { PATH: '/usr/bin', port: '1', PORTS: '2' }), DEFAULTS)
})

test('every problem is named at once, with its rule', () => {
  const message = refusal({ PORT: '70000', LEVEL: 'loud', SECRET: 'x' })
  const [title, ...problems] = message.split('\n')
  assert.equal(title, 'The settings are not valid:')
  assert.deepEqual(
    problems.map((problem) => problem.trim().split(' ')[0]),
    ['PORT', 'LEVEL', 'SECRET'],
  )
  assert.match(message, /PORT must be <= 65535 \(Port to listen on\)/)
})

test('a setting without default that is missing is named', () => {
  assert.throws(() => loadEnv(Type.Object({ TOKEN: Type.String() }), { TOKEN: '' }), /TOKEN/)
})

test('no message shows a value, not even of a secret that is wrong', () => {
  for (const name of Object.keys(Settings.properties)) {
    assert.doesNotMatch(refusal({ [name]: 'hunter2' }), /hunter2/, name)
  }
  assert.doesNotMatch(refusal({ PORT: '98765' }), /98765/)
})

const WRONG_PORTS = ['-1', '65536', '80a', 'NaN', 'Infinity', '1,000', '--1']
test('a number out of its bounds, or with anything behind it, is refused', () => {
  for (const PORT of WRONG_PORTS) assert.match(refusal({ PORT }), /^ {2}PORT must be /m)
})
