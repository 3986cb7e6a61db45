import { listServers, type RedisConnection } from '@menagerie/shared/redis'

/**
 * Makes Redis know every script of this client, once per connection to a server; to be awaited before a transaction with scripts.
 *
 * ioredis sends a script's text with its first use on a connection, and its hash from then on. When a full Redis refuses
 * the transaction that the first use is in, the text is lost, and nobody notices: every later transaction gets NOSCRIPT
 * for some of its parts, for as long as the connection lasts, while the others, whose scripts another client has brought
 * along, take effect.
 */
export const createScriptLoader = (redis: RedisConnection, waitUntilDefined: () => Promise<unknown>) => {
  let loading: Promise<unknown> | null = null
  let loadedOn: unknown[] = []

  const load = async (): Promise<void> => {
    await waitUntilDefined()
    const { scriptsSet } = redis as unknown as { scriptsSet: Record<string, { lua: string }> }
    const scripts = Object.values(scriptsSet)
    await Promise.all(
      listServers(redis).flatMap((server) => scripts.map(({ lua }) => server.script('LOAD', lua))),
    )
  }

  return async (): Promise<void> => {
    const streams = listServers(redis).map((server) => server.stream)
    if (loading === null || streams.some((stream) => !loadedOn.includes(stream))) {
      loadedOn = streams
      loading = load()
      loading.catch(() => {
        loading = null
      })
    }
    await loading
  }
}
