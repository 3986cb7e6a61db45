import { RegisteredModel, WorkerHeartbeat } from '@menagerie/contract/registry'
import type { RedisConnection } from './redis.ts'
import { Compile } from 'typebox/compile'
import type { Keys } from './keys.ts'

const HEARTBEAT_TTL_MS = 15_000
export const HEARTBEAT_INTERVAL_MS = 5000

export interface WorkerRegistry {
  registerModel(model: RegisteredModel): Promise<void>
  listModels(): Promise<RegisteredModel[]>
  listModelNames(): Promise<string[]>
  beat(heartbeat: WorkerHeartbeat): Promise<void>
  /** Takes a worker off the list at once, without waiting for its heartbeat to expire. */
  leave(worker: { id: string; model: string }): Promise<void>
  /** Workers of a model with a fresh heartbeat; forgets those that have none. */
  listWorkers(model: string): Promise<WorkerHeartbeat[]>
}

const parseWith = <T>(check: (value: unknown) => value is T, text: string): T | null => {
  const value: unknown = JSON.parse(text)
  return check(value) ? value : null
}
// Compiled: a model has a thousand labels, and is read every few seconds.
const heartbeat = Compile(WorkerHeartbeat)
const registeredModel = Compile(RegisteredModel)
const isHeartbeat = (value: unknown): value is WorkerHeartbeat => heartbeat.Check(value)
const isRegisteredModel = (value: unknown): value is RegisteredModel => registeredModel.Check(value)

/** Who serves what: models in one hash, and a heartbeat key with an expiry for each worker. */
export const createWorkerRegistry = (deps: { redis: RedisConnection; keys: Keys }): WorkerRegistry => {
  const { redis, keys } = deps
  return {
    async registerModel(model) {
      await redis.hset(keys.models, model.name, JSON.stringify(model))
    },

    async listModels() {
      const texts = Object.values(await redis.hgetall(keys.models))
      return texts.map((text) => parseWith(isRegisteredModel, text)).filter((model) => model !== null)
    },

    listModelNames: () => redis.hkeys(keys.models),

    async beat(heartbeat) {
      await redis
        .multi()
        .set(keys.worker(heartbeat.id), JSON.stringify(heartbeat), 'PX', HEARTBEAT_TTL_MS)
        .sadd(keys.workers(heartbeat.model), heartbeat.id)
        .exec()
    },

    async leave({ id, model }) {
      await redis.multi().del(keys.worker(id)).srem(keys.workers(model), id).exec()
    },

    async listWorkers(model) {
      const ids = await redis.smembers(keys.workers(model))
      if (ids.length === 0) return []
      const texts = await redis.mget(ids.map((id) => keys.worker(id)))
      const gone = ids.filter((_, i) => texts[i] === null)
      if (gone.length > 0) await redis.srem(keys.workers(model), ...gone)
      return texts
        .map((text) => (text == null ? null : parseWith(isHeartbeat, text)))
        .filter((heartbeat) => heartbeat !== null)
    },
  }
}
