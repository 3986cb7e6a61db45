import { EnvError } from '@menagerie/shared/env'
import { createLogger } from '@menagerie/shared/logger'
import closeWithGrace from 'close-with-grace'
import { loadConfig, type GatewayConfig } from './config.ts'
import { openGateway } from './open-gateway.ts'

// After the delay: uploads on their way, and webhooks that are being delivered.
const SHUTDOWN_MAX_MS = 30_000

const readConfig = (): GatewayConfig => {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(2)
  }
}

const config = readConfig()
const log = createLogger({ service: 'gateway', level: config.logLevel })
const gateway = await openGateway(config, log)

closeWithGrace({ delay: config.drainDelayMs + SHUTDOWN_MAX_MS, logger: log }, async ({ signal, err }) => {
  if (err === undefined) log.info({ signal }, 'stopping')
  else log.fatal({ err }, 'stopping after an error')
  await gateway.close()
})

await gateway.app.listen(config.listen)
