import { parseArgs } from 'node:util'
import type { ClassRange } from '@menagerie/contract/model-manifest'
import { list } from './list.ts'
import { pull } from './pull.ts'
import type { Settings } from './settings.ts'
import { ensureStandIn } from './stand-in.ts'

const HELP = `Usage: pnpm model <command>

  pull [name]      fetch the weights of a model into the cache and check them
  verify [name]    check the weights that a worker would use, and how they see a picture; downloads nothing
    --download         unless asked to
    --picture <file>   the picture (densenet-121: a kitten in FIXTURES_DIR)
    --expect <class>   what its best class must be: an index, or two as in 281-285
    --logits <file>    logits that were recorded for it, as lines of Index,Value
  list             the known models, and which of their files are here
  stand-in [name]  build an untrained DenseNet-121, for tests, benchmarks and a first look without internet

Environment:
  MODEL            the model when none is named (densenet-121)
  MODEL_DIR        your own models: <MODEL_DIR>/<name>/model.onnx goes before the cache
  MODEL_CACHE_DIR  where weights are kept ($XDG_CACHE_HOME/menagerie/models, ~/.cache/menagerie/models)
  ALLOW_STAND_IN   verify: 1 finds the stand-in too, as a worker would with it
  FIXTURES_DIR     verify: where reference pictures are (a folder "shared" beside this one)`

/** The command line itself is wrong: exit status 2, as shells have it. */
export class UsageError extends Error {}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  download: { type: 'boolean' },
  picture: { type: 'string' },
  expect: { type: 'string' },
  logits: { type: 'string' },
} as const

/** Runs one command. Throws a UsageError, or what went wrong with the command. */
export async function runCommand(args: string[], settings: Settings, signal: AbortSignal): Promise<void> {
  const { command, name, values } = parse(args)
  if (values.help === true || command === 'help') return console.log(HELP)
  if (command === undefined) throw new UsageError(HELP)
  switch (command) {
    case 'pull':
      return pull(name ?? settings.model, settings, signal)
    case 'verify': {
      const { download = false, picture, logits } = values
      const options = { download, picture, logits, expect: parseExpect(values.expect) }
      // It loads onnxruntime and sharp, which the others do without.
      const { verify } = await import('./verify.ts')
      return verify(name ?? settings.model, options, settings, signal)
    }
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

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
    const [command, name, ...rest] = positionals
    const extra = command === 'list' ? name : rest[0]
    if (extra !== undefined) throw new Error(`unexpected argument "${extra}"`)
    const option = Object.keys(values).find((option) => option !== 'help')
    if (option !== undefined && command !== 'verify') throw new Error(`--${option} belongs to verify`)
    return { command, name, values }
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n\n${HELP}`, { cause })
  }
}

function parseExpect(text: string | undefined): ClassRange | undefined {
  if (text === undefined) return undefined
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? []
  if (Number(first) <= Number(last)) return { first: Number(first), last: Number(last) }
  throw new UsageError(`--expect must be an index, or two as in 281-285; it is "${text}"\n\n${HELP}`)
}
