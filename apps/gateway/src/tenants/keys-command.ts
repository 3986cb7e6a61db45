import { randomUUID } from 'node:crypto'
import { open, rename, stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createApiKey, hashApiKey } from './api-key.ts'
import { checkKeysFile, readKeysFile, type KeysFile } from './keys-file.ts'

const HELP = `Usage: pnpm keys <command> [--file <path>]

  create <tenant>          make a key, and the tenant if there is none; prints the key, which is kept nowhere
    --weight <n>           share beside the other tenants, 1 to 100 (1)
    --rate <n>             predictions a minute
    --concurrency <n>      predictions that have not ended
    --bytes <n>            bytes of the pictures of those
  rotate <tenant>          make a key and revoke all others of the tenant; with create and revoke both are valid for a while
  revoke <tenant> [hash]   revoke the keys whose hash begins like this; without one all of them
  list                     tenants, their limits, and the beginnings of the hashes of their keys

Environment:
  API_KEYS_FILE            the file, where --file names none; gateways read it again when it changes`

/** The command line itself is wrong: exit status 2, as shells have it. */
export class UsageError extends Error {}

type TenantEntry = KeysFile['tenants'][number]

const LIMITS = ['weight', 'rate', 'concurrency', 'bytes'] as const
const HASH_SHOWN = 8
const PRIVATE_MODE = 0o600

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  file: { type: 'string' },
  weight: { type: 'string' },
  rate: { type: 'string' },
  concurrency: { type: 'string' },
  bytes: { type: 'string' },
} as const

const parse = (args: string[]) => {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : 'not understood'}\n\n${HELP}`, { cause })
  }
}

/** In one step, so that a gateway reads the old file or the new one. */
const writeKeysFile = async (path: string, file: KeysFile): Promise<void> => {
  const mode = await stat(path).then(
    (found) => found.mode,
    () => PRIVATE_MODE,
  )
  const draft = `${path}.${randomUUID()}`
  const handle = await open(draft, 'wx', mode)
  await handle.writeFile(`${JSON.stringify(checkKeysFile(file), null, 2)}\n`)
  await handle.sync()
  await handle.close()
  await rename(draft, path)
}

const readOrBegin = async (path: string): Promise<KeysFile> => {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  return isThere ? readKeysFile(path) : { tenants: [] }
}

const findTenant = (file: KeysFile, id: string): TenantEntry => {
  const found = file.tenants.find((tenant) => tenant.id === id)
  if (found === undefined) throw new UsageError(`there is no tenant "${id}"`)
  return found
}

const describe = (tenant: TenantEntry): string => {
  const limits = LIMITS.flatMap((name) => (tenant[name] === undefined ? [] : [`${name} ${tenant[name]}`]))
  const keys = tenant.keys.map((hash) => hash.slice(0, HASH_SHOWN)).join(' ') || 'none'
  return [tenant.id, ...limits, `keys: ${keys}`].join('  ')
}

/**
 * Runs one command on the file of API keys.
 *
 * @returns what is to be printed
 * @throws UsageError, or EnvError when the file is not valid
 */
export const runKeysCommand = async (args: string[], defaultPath: string | undefined): Promise<string> => {
  const { values, positionals } = parse(args)
  const [command, id, hash = ''] = positionals
  if (values.help === true || command === 'help') return HELP
  const path = values.file ?? defaultPath
  if (path === undefined) throw new UsageError(`name a file with --file or API_KEYS_FILE\n\n${HELP}`)
  const file = await readOrBegin(path)
  if (command === 'list') return file.tenants.map(describe).join('\n')
  if (id === undefined) throw new UsageError(HELP)
  const key = createApiKey()
  switch (command ?? '') {
    case 'create': {
      if (!file.tenants.some((tenant) => tenant.id === id)) file.tenants.push({ id, keys: [] })
      const tenant = findTenant(file, id)
      for (const name of LIMITS) if (values[name] !== undefined) tenant[name] = Number(values[name])
      tenant.keys.push(hashApiKey(key))
      break
    }
    case 'rotate':
      findTenant(file, id).keys = [hashApiKey(key)]
      break
    case 'revoke': {
      const tenant = findTenant(file, id)
      const kept = tenant.keys.filter((known) => !known.startsWith(hash))
      if (kept.length === tenant.keys.length) throw new UsageError('no key of this tenant begins like this')
      tenant.keys = kept
      await writeKeysFile(path, file)
      return describe(tenant)
    }
    default:
      throw new UsageError(`unknown command "${command}"\n\n${HELP}`)
  }
  await writeKeysFile(path, file)
  return key
}
