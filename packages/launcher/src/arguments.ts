export interface Arguments {
  help: boolean
  once: boolean
}

/** The command line is not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Throws UsageError. */
export const parseArguments = (argv: string[]): Arguments => {
  const parsed: Arguments = { help: false, once: false }
  for (const argument of argv) {
    if (argument === '--help' || argument === '-h') parsed.help = true
    else if (argument === '--once') parsed.once = true
    else throw new UsageError(`unknown argument '${argument}'`)
  }
  return parsed
}
