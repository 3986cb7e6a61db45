import type { Keys } from '@menagerie/shared/keys'
import { createHmac, randomBytes } from 'node:crypto'
import type { RedisConnection } from '@menagerie/shared/redis'
import { guardRedis } from './guard-redis.ts'

const SECRET_BYTES = 32

/** Whether a text can be the id of a prediction. Beside the jobs are keys of BullMQ's, such as `events`. */
export const isPredictionId = (text: string): boolean =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** The first 16 bytes as a UUID of version 8 (RFC 9562, 5.8: the rest is up to whoever makes it). */
const formatUuid = (bytes: Buffer): string => {
  const hex = Buffer.from(bytes.subarray(0, 16))
  hex[6] = (hex[6]! & 0x0f) | 0x80
  hex[8] = (hex[8]! & 0x3f) | 0x80
  return hex.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/**
 * Makes the id of a prediction from a key, so that the same key (of the same tenant) finds the same prediction: an HMAC, since an id alone
 * lets its bearer read the prediction and must not be guessed from the key. The secret is made by whichever gateway
 * needs it first, and read from Redis each time: where the jobs are lost, it is too, and all gateways go on with the same.
 *
 * @throws AppError `queue_unavailable`, `queue_full`
 */
export const createIdentify = (deps: { redis: RedisConnection; keys: Keys }) => {
  const readSecret = async (): Promise<string> => {
    const known = await deps.redis.get(deps.keys.idSecret)
    if (known !== null) return known
    await deps.redis.set(deps.keys.idSecret, randomBytes(SECRET_BYTES).toString('base64'), 'NX')
    return (await deps.redis.get(deps.keys.idSecret)) ?? readSecret()
  }
  return async (purpose: 'request' | 'replay' | 'batch', ...key: string[]): Promise<string> => {
    const secret = await guardRedis(readSecret)
    return formatUuid(
      createHmac('sha256', secret)
        .update([purpose, ...key].join('\0'))
        .digest(),
    )
  }
}
export type Identify = ReturnType<typeof createIdentify>
