import { parseArgs } from 'node:util'
import { list } from './list.ts'
import { pull } from './pull.ts'
import type { Settings } from './settings.ts'
import { ensureStandIn } from './stand-in.ts'

const HELP = `Usage: pnpm model <command>

  pull [name]      fetch the weights of a model into the cache and check them
  list             the known models, and which of their files are here
  stand-in [name]  build an untrained DenseNet-121, for tests, benchmarks and a first look without internet

Environment:
  MODEL            the model when none is named (densenet-121)
  MODEL_DIR        your own models: <MODEL_DIR>/<name>/model.onnx goes before the cache
  MODEL_CACHE_DIR  where weights are kept ($XDG_CACHE_HOME/menagerie/models, ~/.cache/menagerie/models)`

/** The command line itself is wrong: exit status 2, as shells have it. */
export class UsageError extends Error {}

/** Runs one command. Throws a UsageError, or what went wrong with the command. */
export async function runCommand(args: string[], settings: Settings, signal: AbortSignal): Promise<void> {
  const { command, name, wantsHelp } = parse(args)
  if (wantsHelp) return console.log(HELP)
  if (command === undefined) throw new UsageError(HELP)
  switch (command) {
    case 'pull':
      return pull(name ?? settings.model, settings, signal)
    case 'list':
      return list(settings)
    case 'stand-in': {
      const log = { info: (line: string) => console.error(line) }
      const { cacheDir, modelDir } = settings
      return console.log(await ensureStandIn({ cacheDir, modelDir, name: name ?? settings.model, log }))
    }
    default:
      throw new UsageError(`unknown command "${command}"\n\n${HELP}`)
  }
}

function parse(args: string[]): {
  command: string | undefined
  name: string | undefined
  wantsHelp: boolean
} {
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    const [command, name, ...rest] = positionals
    const extra = command === 'list' ? name : rest[0]
    if (extra !== undefined) throw new Error(`unexpected argument "${extra}"`)
    return { command, name, wantsHelp: values.help === true || command === 'help' }
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n\n${HELP}`, { cause })
  }
}
