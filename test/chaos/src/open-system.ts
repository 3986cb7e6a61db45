import type { ChaosOptions } from './options.ts'
import { createSlot, type Slot } from './fleet.ts'
import { createRedisUnderTest } from './redis-under-test.ts'
import { gatewayName, REDIS, workerName } from './schedule.ts'
import { gatewayEnv, uploadEnv, workerEnv } from './settings.ts'
import type { WorkFolder } from './work-folder.ts'

/** Starts everything that a run needs: Redis, gateways, workers. Nothing of it runs on when `killNow` was called. */
export const openSystem = async (
  options: ChaosOptions,
  folder: WorkFolder,
  onExit: (name: string, detail: string) => void,
) => {
  const redis = await createRedisUnderTest(folder, {
    appendfsync: options.appendfsync,
    onExit: (detail) => onExit(REDIS, detail),
  })
  const slots = new Map<string, Slot>()
  const uploads = uploadEnv(options.uploadStore, folder)
  const common = { redisPort: redis.port, logDir: folder.logs, onExit }
  for (let i = 0; i < options.gateways; i++) {
    const name = gatewayName(i)
    slots.set(
      name,
      await createSlot({ ...common, name, app: 'gateway', env: { ...gatewayEnv(), ...uploads } }),
    )
  }
  // One more than there are at the start: it is scaled up.
  for (let i = 0; i <= options.workers; i++) {
    const name = workerName(i)
    const env = { ...workerEnv(i, folder.models, options.broken), ...uploads }
    slots.set(name, await createSlot({ ...common, name, app: 'worker', env }))
  }
  const isSpare = (slot: Slot): boolean => slot.name === workerName(options.workers)
  const all = [...slots.values()]

  return {
    redis,
    slots: slots as ReadonlyMap<string, Slot>,
    gatewayUrls: all.filter(({ name }) => name.startsWith('gateway')).map(({ url }) => url),
    /** Starts whoever belongs to the service and is not there. */
    async startMissing(): Promise<void> {
      await Promise.all(all.filter((slot) => !slot.isUp() && !isSpare(slot)).map((slot) => slot.start()))
    },
    /** SIGTERM to everybody. */
    async stop(): Promise<void> {
      await Promise.all(all.map((slot) => slot.stop()))
      await Promise.all(all.map(({ proxy }) => proxy.stop()))
      await redis.stop()
    },
    /** SIGKILL to everybody, without waiting: for an end in the middle. */
    killNow(): void {
      for (const slot of all) slot.killNow()
      redis.killNow()
    },
  }
}
