const isPlain = (byte: number): boolean => /[A-Za-z0-9_-]/.test(String.fromCodePoint(byte))

/**
 * The folder of an installation in a store that others may use too: its REDIS_PREFIX, with `~` and two digits for every
 * byte that is no letter, digit, `-` or `_`.
 */
export const storeFolder = (redisPrefix: string): string =>
  Array.from(Buffer.from(redisPrefix), (byte) =>
    isPlain(byte) ? String.fromCodePoint(byte) : `~${byte.toString(16).padStart(2, '0')}`,
  ).join('')
