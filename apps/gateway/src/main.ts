import { EnvError } from '@menagerie/shared/env'
import { createLogger } from '@menagerie/shared/logger'
import { fileCalls } from '@menagerie/shared/upload-store/file-calls'
import closeWithGrace from 'close-with-grace'
import { loadConfig } from './config.ts'
import { openGateway } from './open-gateway.ts'

// After the delay: uploads on their way, and webhooks that are being delivered.
const SHUTDOWN_MAX_MS = 30_000

const open = async () => {
  const config = loadConfig(process.env)
  const logOptions = { service: 'gateway', level: config.logLevel }
  const log = createLogger(logOptions)
  const lastWords = createLogger({ ...logOptions, isSync: true })
  return { config, log, lastWords, gateway: await openGateway(config, log) }
}

const { config, log, lastWords, gateway } = await open().catch((error: unknown) => {
  if (!(error instanceof EnvError)) throw error
  process.stderr.write(`${error.message}\n`)
  return process.exit(2)
})

/** `process.exit()` waits for calls to a file system that hangs, without end. */
const killIfHung = (): void => {
  if (fileCalls.countRunning() === 0) return
  lastWords.error('the store of the pictures does not answer, ending with SIGKILL')
  process.kill(process.pid, 'SIGKILL')
}
const endNow = (reason: string): void => {
  lastWords.error(`${reason}, ending now`)
  killIfHung()
}

const graceOptions = {
  delay: config.drainDelayMs + SHUTDOWN_MAX_MS,
  logger: log,
  onSecondSignal: (signal: string | undefined) => endNow(`second ${signal ?? 'signal'}`),
  onTimeout: () => endNow('not stopped in time'),
}
closeWithGrace(graceOptions, async ({ signal, err }) => {
  if (err === undefined) log.info({ signal }, 'stopping')
  else log.fatal({ err }, 'stopping after an error')
  try {
    await gateway.close()
  } finally {
    await fileCalls.settle()
    killIfHung()
  }
})

await gateway.app.listen(config.listen)
