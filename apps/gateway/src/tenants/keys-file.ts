import { EnvError } from '@menagerie/shared/env'
import { readFile } from 'node:fs/promises'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'

export const TENANT_ID_PATTERN = '^[a-z0-9][a-z0-9_-]{0,63}$'

const Limit = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description }))

const TenantEntry = Type.Object(
  {
    id: Type.String({
      pattern: TENANT_ID_PATTERN,
      description:
        'letters a-z, digits, _ and -, at most 64; `anonymous` owns what was made before there were keys',
    }),
    keys: Type.Array(
      Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of a key, as 64 hexadecimal digits' }),
    ),
    weight: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, description: 'share beside the other tenants; 1 by default' }),
    ),
    rate: Limit('predictions a minute'),
    concurrency: Limit('predictions that have not ended'),
    bytes: Limit('bytes of the pictures of those'),
    webhook_secrets: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^whsec_[A-Za-z0-9+/]{32,88}={0,2}$',
          description: 'whsec_ and 24 to 64 bytes in base64; the first one is current, all of them sign',
        }),
      ),
    ),
  },
  { additionalProperties: false },
)

/** What is in API_KEYS_FILE. */
export const KeysFile = Type.Object({ tenants: Type.Array(TenantEntry) }, { additionalProperties: false })
export type KeysFile = Static<typeof KeysFile>

const findRepeated = (values: string[]): string[] =>
  values.filter((value, index) => values.indexOf(value) !== index)

/** @throws EnvError */
export const checkKeysFile = (value: unknown): KeysFile => {
  if (!Value.Check(KeysFile, value)) {
    const problems = Value.Errors(KeysFile, value).map(
      ({ instancePath, message }) => `API_KEYS_FILE ${instancePath || 'as a whole'} ${message}`,
    )
    throw new EnvError([...new Set(problems)])
  }
  const ids = findRepeated(value.tenants.map(({ id }) => id))
  const keys = findRepeated(value.tenants.flatMap((tenant) => tenant.keys))
  if (ids.length > 0) throw new EnvError([`API_KEYS_FILE has more than one tenant ${ids[0]}`])
  if (keys.length > 0) throw new EnvError(['API_KEYS_FILE has the same key twice'])
  return value
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The message of the parser would quote the file.
    throw new EnvError(['API_KEYS_FILE is not JSON'])
  }
}

/** @throws EnvError when the file cannot be read, or is not what it should be: names the rule, quotes nothing */
export const readKeysFile = async (path: string): Promise<KeysFile> => {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new EnvError([`API_KEYS_FILE cannot be read: ${cause.code}`])
  })
  return checkKeysFile(parseJson(text))
}
