import { unwatchFile, watchFile } from 'node:fs'
import type { Logger } from 'pino'
import { hashApiKey } from './api-key.ts'
import { readKeysFile, type KeysFile } from './keys-file.ts'
import { ANONYMOUS, type Tenant } from './tenant.ts'

export interface Tenants {
  /** Whose key this is; null when it is nobody's. Without a file of keys everybody is `ANONYMOUS`. */
  identify(key: string | null): Tenant | null
  /**
   * What a tenant's webhooks are signed with, the current secret first; empty when there is none, and for whom the file does
   * not name (any more).
   */
  secretsOf(tenantId: string): readonly string[]
  /** Of whom the file does not name (any more): that of everybody. */
  find(tenantId: string): Tenant
  close(): void
}

const WATCH_INTERVAL_MS = 1000

const index = (file: KeysFile) => {
  const byId = new Map<string, Tenant>()
  const byHash = new Map<string, Tenant>()
  for (const { id, keys, weight, rate, concurrency, bytes, webhook_secrets } of file.tenants) {
    const tenant: Tenant = {
      id,
      weight: weight ?? ANONYMOUS.weight,
      ratePerMinute: rate ?? null,
      concurrencyMax: concurrency ?? null,
      bytesMax: bytes ?? null,
      webhookSecrets: webhook_secrets ?? [],
    }
    byId.set(id, tenant)
    for (const key of keys) byHash.set(key, tenant)
  }
  return { byId, byHash }
}

/**
 * Whoever may ask, by the file of their keys; read again when it changes. A change that is not valid is logged, and what
 * was valid before stays.
 *
 * @throws EnvError when the file is not valid at the start
 */
export const openTenants = async (
  deps: { log: Logger },
  options: { path: string | null; webhookSecrets: readonly string[] },
): Promise<Tenants> => {
  const { path } = options
  let known = path === null ? null : index(await readKeysFile(path))

  const reload = async (file: string): Promise<void> => {
    try {
      known = index(await readKeysFile(file))
      deps.log.info({ tenants: known.byId.size }, 'API keys read again')
    } catch (err) {
      deps.log.error({ err }, 'API keys not read again; those of before stay')
    }
  }
  // By looking, not by the system's notices: those are lost when the file is replaced, or lies on a mounted volume.
  const look = (): void => {
    if (path !== null) void reload(path)
  }
  if (path !== null) watchFile(path, { interval: WATCH_INTERVAL_MS, persistent: false }, look)

  const find = (id: string): Tenant => known?.byId.get(id) ?? { ...ANONYMOUS, id }
  return {
    identify(key) {
      if (known === null) return ANONYMOUS
      // What is compared are hashes, found by a hash: how long that takes says nothing about a key.
      return key === null ? null : (known.byHash.get(hashApiKey(key)) ?? null)
    },
    secretsOf(tenantId) {
      // What all others verify with is not for whoever was taken out.
      const isNobody = known !== null && tenantId !== ANONYMOUS.id && !known.byId.has(tenantId)
      if (isNobody) return []
      const { webhookSecrets } = find(tenantId)
      return webhookSecrets.length > 0 ? webhookSecrets : options.webhookSecrets
    },
    find,
    close() {
      if (path !== null) unwatchFile(path, look)
    },
  }
}
