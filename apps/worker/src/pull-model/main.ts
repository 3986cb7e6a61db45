// Finds the weights that a worker with the same settings would use, downloads them where they are missing, and ends: run
// once before the workers, it fills the volume that they share, and its failure says why they cannot start.
import { EnvError } from '@menagerie/shared/env'
import { createLogger } from '@menagerie/shared/logger'
import { loadConfig } from '../config.ts'
import { findModel } from '../find-model.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}; the next start goes on from here`)))
}

try {
  const config = loadConfig(process.env)
  const log = createLogger({ service: 'pull-model', level: config.logLevel })
  await findModel(config.model, log, stop.signal)
} catch (error) {
  // Expected ones are for whoever reads the log of a container: what to do, and no stack.
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof EnvError ? 2 : 1
}
