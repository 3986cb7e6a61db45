import type { RegisteredModel } from '@menagerie/contract/registry'
import type { WorkerRegistry } from '@menagerie/shared/worker-registry'
import { guardRedis } from './guard-redis.ts'

/** What the gateway knows of a model. Its details are null until a worker has served it. */
export interface CatalogModel {
  name: string
  details: RegisteredModel | null
}

export interface ModelCatalog {
  defaultName: string
  list(): Promise<CatalogModel[]>
  find(name: string): Promise<CatalogModel | null>
  /** Whether there is such a model. */
  has(name: string): Promise<boolean>
  /** Names only; without `isFresh` up to 5 s old. */
  listNames(options?: { isFresh: boolean }): Promise<string[]>
  /** Drops what is remembered, because something does not fit it. */
  refresh(): void
}

const REMEMBERED_MS = 5000
const FRESH_MS = 1000

/**
 * The models that exist: the default one, and each that a worker has ever registered. Read from Redis and
 * remembered for 5 s, as labels alone are 35 kB.
 */
export const createModelCatalog = (
  deps: { registry: WorkerRegistry },
  options: { defaultModel: string },
): ModelCatalog => {
  let remembered: { models: Promise<CatalogModel[]>; readAt: number } | null = null
  let rememberedNames: { names: string[]; readAt: number } | null = null

  const read = async (): Promise<CatalogModel[]> => {
    const registered = await guardRedis(() => deps.registry.listModels())
    const models: CatalogModel[] = registered.map((details) => ({ name: details.name, details }))
    if (!models.some(({ name }) => name === options.defaultModel)) {
      models.unshift({ name: options.defaultModel, details: null })
    }
    return models
  }

  const list = (): Promise<CatalogModel[]> => {
    if (remembered !== null && performance.now() - remembered.readAt < REMEMBERED_MS) return remembered.models
    // All who ask at the same moment share one reading.
    const reading = { models: read(), readAt: performance.now() }
    remembered = reading
    reading.models.catch(() => {
      if (remembered === reading) remembered = null
    })
    return reading.models
  }

  /** At most once a second, since nobody may register it for hours. */
  const forget = (): void => {
    if (remembered !== null && performance.now() - remembered.readAt > FRESH_MS) remembered = null
  }

  const findNow = async (name: string): Promise<CatalogModel | null> =>
    (await list()).find((model) => model.name === name) ?? null

  const listNames = async ({ isFresh } = { isFresh: false }): Promise<string[]> => {
    const ageMs = performance.now() - (rememberedNames?.readAt ?? 0)
    if (rememberedNames === null || isFresh || ageMs > REMEMBERED_MS) {
      const registered = await guardRedis(() => deps.registry.listModelNames())
      const names = [...new Set([options.defaultModel, ...registered])]
      rememberedNames = { names, readAt: performance.now() }
    }
    return rememberedNames.names
  }

  return {
    defaultName: options.defaultModel,
    list,
    async find(name) {
      const found = await findNow(name)
      if (found?.details != null) return found
      // A worker may have registered it a moment ago.
      forget()
      return findNow(name)
    },
    has: async (name) =>
      name === options.defaultModel ||
      (await listNames()).includes(name) ||
      (await listNames({ isFresh: true })).includes(name),
    listNames,
    refresh() {
      remembered = null
    },
  }
}
