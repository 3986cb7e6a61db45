import type { Redis } from 'ioredis'

/** Runs the gateway's sweep over the uploads once. */
export const sweepOnce = async (_redis: Redis, _queue: { prefix: string; model: string }): Promise<void> => {}
