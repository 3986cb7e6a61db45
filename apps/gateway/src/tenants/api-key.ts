import { createHash, randomBytes } from 'node:crypto'

const KEY_BYTES = 32

/** A new API key: 32 random bytes behind a name by which scanners find keys that were published by mistake. */
export const createApiKey = (): string => `mng_${randomBytes(KEY_BYTES).toString('base64url')}`

/** What is kept of a key. It is random, so nobody finds it from a fast hash, and nothing is gained by a slow one. */
export const hashApiKey = (key: string): string => createHash('sha256').update(key).digest('hex')
