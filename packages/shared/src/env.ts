import type { Static, TObject } from 'typebox'
import Value from 'typebox/value'

/** The environment does not fit the settings. The message names each variable and its rule, never a value. */
export class EnvError extends Error {
  constructor(problems: string[]) {
    super(`The settings are not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'EnvError'
  }
}

/** Compose and shells pass an unset variable as an empty string: both mean the default. */
const dropEmpty = (env: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  )

/** Whole numbers only in plain digits: `0x10` or `3.7` would otherwise quietly become another port. */
const convert = (rule: { type?: string } | undefined, text: string): string | number =>
  rule?.type === 'integer' && /^-?\d{1,15}$/.test(text) ? Number(text) : text

/**
 * Reads settings from environment variables by a schema whose properties are the variables' names: defaults
 * filled in, integers converted, everything else ignored. All problems are reported at once.
 *
 * @throws EnvError
 */
export const loadEnv = <T extends TObject>(schema: T, env: Record<string, string | undefined>): Static<T> => {
  const known = Object.fromEntries(
    Object.entries(dropEmpty(env)).filter(([name]) => name in schema.properties),
  )
  const converted = Object.entries(known).map(([name, text]) => [
    name,
    convert(schema.properties[name], text),
  ])
  const value: unknown = Value.Default(schema, Object.fromEntries(converted))
  if (Value.Check(schema, value)) return value
  const problems = Value.Errors(schema, value).map((error) => {
    const name = error.instancePath.split('/')[1]
    if (name === undefined || name === '') return error.message
    const rule: { description?: string } | undefined = schema.properties[name]
    return `${name} ${error.message}${rule?.description === undefined ? '' : ` (${rule.description})`}`
  })
  throw new EnvError([...new Set(problems)])
}
