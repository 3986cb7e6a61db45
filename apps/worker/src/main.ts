import { EnvError } from '@menagerie/shared/env'
import { createLogger } from '@menagerie/shared/logger'
import { fileCalls } from '@menagerie/shared/upload-store/file-calls'
import closeWithGrace from 'close-with-grace'
import { loadConfig, type WorkerConfig } from './config.ts'
import { openWorker } from './open-worker.ts'

// After the drain: sessions, connections and the last traces. Where Redis and the collector hang it takes up to 8 s.
const CLOSE_MAX_MS = 10_000

const readConfig = (): WorkerConfig => {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof EnvError)) throw error
    process.stderr.write(`${error.message}\n`)
    return process.exit(2)
  }
}

const config = readConfig()
const logOptions = { service: 'worker', level: config.logLevel }
const log = createLogger(logOptions)
const lastWords = createLogger({ ...logOptions, isSync: true })

/** `process.exit()` would end inference threads inside a run, which aborts the process with a core dump. */
const endNow = (reason: string): void => {
  lastWords.error(`${reason}, ending now`)
  process.kill(process.pid, 'SIGKILL')
}

const stop = new AbortController()
const opening = openWorker(config, log, stop.signal)
const graceOptions = {
  delay: config.drainTimeoutMs + CLOSE_MAX_MS,
  logger: log,
  onSecondSignal: (signal: string | undefined) => endNow(`second ${signal ?? 'signal'}`),
  onTimeout: () => endNow('not stopped in time'),
}
closeWithGrace(graceOptions, async ({ signal, err }) => {
  if (err === undefined) log.info({ signal }, 'stopping')
  else log.fatal({ err }, 'stopping after an error')
  // What has not begun to take jobs yet never will.
  stop.abort(new Error('stopped before it was ready'))
  const worker = await opening.catch(() => null)
  try {
    await worker?.close()
  } finally {
    // `process.exit()` waits for calls to a file system that hangs, without end.
    await fileCalls.settle()
    if (fileCalls.countRunning() > 0) endNow('the store of the pictures does not answer')
  }
})
await opening.catch((error: unknown) => {
  if (!stop.signal.aborted) throw error
})
