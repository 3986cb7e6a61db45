import { EnvError } from '@menagerie/shared/env'
import { createLogger } from '@menagerie/shared/logger'
import closeWithGrace from 'close-with-grace'
import { loadConfig } from './config.ts'
import { openGateway } from './open-gateway.ts'

// After the delay: uploads on their way, and webhooks that are being delivered.
const SHUTDOWN_MAX_MS = 30_000

const open = async () => {
  const config = loadConfig(process.env)
  const log = createLogger({ service: 'gateway', level: config.logLevel })
  return { config, log, gateway: await openGateway(config, log) }
}

const { config, log, gateway } = await open().catch((error: unknown) => {
  if (!(error instanceof EnvError)) throw error
  process.stderr.write(`${error.message}\n`)
  return process.exit(2)
})

closeWithGrace({ delay: config.drainDelayMs + SHUTDOWN_MAX_MS, logger: log }, async ({ signal, err }) => {
  if (err === undefined) log.info({ signal }, 'stopping')
  else log.fatal({ err }, 'stopping after an error')
  await gateway.close()
})

await gateway.app.listen(config.listen)
