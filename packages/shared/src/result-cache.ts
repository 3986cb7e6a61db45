import { KnownAnswer } from '@menagerie/contract/job'
import type { RedisConnection } from './redis.ts'
import { Compile } from 'typebox/compile'
import type { Keys } from './keys.ts'
import { createMemoryShareReader, SPARE_SHARE_MAX } from './memory-share.ts'

/**
 * What a picture is known by: whose it is, the fingerprint of whoever answered, and the hash of its bytes. One tenant
 * must not learn from a quick answer that another has sent the same picture.
 */
export interface KnownBy {
  tenant: string
  fingerprint: string
  sha256: string
}

export interface ResultCache {
  get(by: KnownBy): Promise<KnownAnswer | null>
  /** Keeps an answer for `CACHE_TTL`, unless Redis is filling up. */
  put(by: KnownBy, answer: KnownAnswer): Promise<void>
  forget(by: KnownBy): Promise<void>
}

const knownAnswer = Compile(KnownAnswer)

/** Answers by the bytes that they were given for, as Redis strings with an expiry. */
export const createResultCache = (
  deps: { redis: RedisConnection; keys: Keys },
  options: { ttlMs: number },
): ResultCache => {
  const { redis, keys } = deps
  const readMemoryShare = createMemoryShareReader({ redis, key: keys.models })
  const keyOf = (by: KnownBy): string => keys.result(by.tenant, by.fingerprint, by.sha256)
  return {
    async get(by) {
      const text = await redis.get(keyOf(by))
      if (text === null) return null
      const value: unknown = JSON.parse(text)
      return knownAnswer.Check(value) ? value : null
    },
    async put(by, answer) {
      if ((await readMemoryShare()) > SPARE_SHARE_MAX) return
      await redis.set(keyOf(by), JSON.stringify(answer), 'PX', options.ttlMs)
    },
    async forget(by) {
      await redis.unlink(keyOf(by))
    },
  }
}
