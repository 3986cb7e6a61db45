import { join } from 'node:path'
import { defaultCacheDir } from '@menagerie/model-files/cache-dir'
import { runCommand, UsageError } from './run-command.ts'

const { env } = process
const settings = {
  model: env['MODEL'] || 'densenet-121',
  modelDir: env['MODEL_DIR'] || undefined,
  cacheDir: env['MODEL_CACHE_DIR'] || defaultCacheDir(env),
  isStandInAllowed: env['ALLOW_STAND_IN'] === '1',
  fixturesDir: env['FIXTURES_DIR'] || join(import.meta.dirname, '..', '..', '..', '..', 'shared'),
}

const interrupt = new AbortController()
for (const [name, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.once(name, () => {
    process.exitCode = 128 + number
    interrupt.abort(new Error(`stopped by ${name}; a download goes on from here when it is started again`))
  })
}

try {
  await runCommand(process.argv.slice(2), settings, interrupt.signal)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode ??= error instanceof UsageError ? 2 : 1
}
