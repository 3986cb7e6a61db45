import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { coerceError } from '@menagerie/shared/coerce-error'
import { parseArguments, UsageError, type Arguments } from './arguments.ts'
import { launch } from './launch.ts'
import { loadSettings, SettingsError } from './settings.ts'

const repoRoot = join(import.meta.dirname, '..', '..', '..')
const stopping = new AbortController()
const forcing = new AbortController()

/** The first request stops everything in order, the second kills what is still there. */
const stop = (reason: Error): void => {
  if (stopping.signal.aborted) forcing.abort()
  else stopping.abort(reason)
}

const installHandlers = (): void => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stop(new Error(`stopped by ${signal}`)))
  }
  // The reader of a pipe may leave (`| head`); what was started must still be stopped.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (err: Error) => {
      if (!stopping.signal.aborted) stop(err)
    })
  }
  process.on('uncaughtException', (err) => {
    console.error(err)
    process.exitCode = 1
    if (!stopping.signal.aborted) stop(err)
  })
}

const run = async ({ once }: Arguments): Promise<number> => {
  const settings = loadSettings(process.env, repoRoot)
  installHandlers()
  try {
    const { pictures, answered } = await launch({
      settings,
      env: process.env,
      repoRoot,
      once,
      log: (line) => console.log(line),
      signal: stopping.signal,
      force: forcing.signal,
    })
    return once && answered < pictures ? 1 : 0
  } catch (err) {
    if (err !== stopping.signal.reason) throw err
    // Asked to stop before the pictures were through: as asked, unless their answers were all that was wanted.
    return once ? 1 : 0
  }
}

const printUsage = async (): Promise<void> => {
  console.log(await readFile(join(repoRoot, 'packages', 'launcher', 'usage.txt'), 'utf8'))
}

const describe = (err: Error): string => {
  const details =
    err instanceof AggregateError ? err.errors.map((inner) => `\n  ${describe(coerceError(inner))}`) : []
  return `${err.message}${details.join('')}`
}

const main = async (): Promise<number> => {
  try {
    const parsed = parseArguments(process.argv.slice(2))
    if (!parsed.help) return await run(parsed)
    await printUsage()
    return 0
  } catch (thrown) {
    const err = coerceError(thrown)
    console.error(`run.sh: ${describe(err)}`)
    if (err instanceof UsageError) await printUsage()
    return err instanceof UsageError || err instanceof SettingsError ? 2 : 1
  }
}

process.exit((await main()) || process.exitCode)
