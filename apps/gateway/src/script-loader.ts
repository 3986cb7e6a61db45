import type { Redis } from 'ioredis'

/**
 * Makes Redis know every script of this client, once per connection; to be awaited before a transaction with scripts.
 *
 * ioredis sends a script's text with its first use on a connection, and its hash from then on. When a full Redis refuses
 * the transaction that the first use is in, the text is lost, and nobody notices: every later transaction gets NOSCRIPT
 * for some of its parts, for as long as the connection lasts, while the others, whose scripts another client has brought
 * along, take effect.
 */
export const createScriptLoader = (redis: Redis, waitUntilDefined: () => Promise<unknown>) => {
  let loading: Promise<unknown> | null = null
  let loadedOn: unknown = null

  const load = async (): Promise<void> => {
    await waitUntilDefined()
    const { scriptsSet } = redis as unknown as { scriptsSet: Record<string, { lua: string }> }
    await Promise.all(Object.values(scriptsSet).map(({ lua }) => redis.script('LOAD', lua)))
  }

  return async (): Promise<void> => {
    if (loading === null || loadedOn !== redis.stream) {
      loadedOn = redis.stream
      loading = load()
      loading.catch(() => {
        loading = null
      })
    }
    await loading
  }
}
