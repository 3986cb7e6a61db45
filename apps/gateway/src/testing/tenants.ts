import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { hashApiKey } from '../tenants/api-key.ts'
import type { KeysFile } from '../tenants/keys-file.ts'
import { atEnd } from './at-end.ts'

type Limits = Omit<KeysFile['tenants'][number], 'id' | 'keys'>

/** The key of a tenant in tests. */
export const keyOf = (tenant: string): string => `mng_key-of-${tenant}`

/** Headers with which a request is that tenant's. */
export const as = (tenant: string): Record<string, string> => ({ authorization: `Bearer ${keyOf(tenant)}` })

export const formatKeysFile = (tenants: Record<string, Limits>): string => {
  const file: KeysFile = { tenants: [] }
  for (const [id, limits] of Object.entries(tenants)) {
    file.tenants.push({ id, keys: [hashApiKey(keyOf(id))], ...limits })
  }
  return JSON.stringify(file)
}

/** Writes a file of keys, and returns its path. */
export const writeKeysFile = async (t: TestContext, text: string): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-keys-'))
  atEnd(t, 'keys', () => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'keys.json')
  await writeFile(path, text)
  return path
}

/** Settings of a gateway with these tenants. */
export const withTenants = async (
  t: TestContext,
  tenants: Record<string, Limits>,
): Promise<{ API_KEYS_FILE: string }> => ({ API_KEYS_FILE: await writeKeysFile(t, formatKeysFile(tenants)) })
