import type { KnownAnswer } from '@menagerie/contract/job'
import type { ResultCache } from '@menagerie/shared/result-cache'
import type { ModelCatalog } from './model-catalog.ts'

/**
 * Looks for the answer that this model gave this tenant for the same bytes before. Whatever goes wrong with it, the picture can
 * still be classified, so there is no error, only no answer.
 */
export const createFindKnownAnswer =
  (deps: { catalog: ModelCatalog; cache: ResultCache }) =>
  async (tenant: string, model: string, sha256: string): Promise<KnownAnswer | null> => {
    try {
      const fingerprint = (await deps.catalog.find(model))?.details?.fingerprint
      return fingerprint === undefined ? null : await deps.cache.get({ tenant, fingerprint, sha256 })
    } catch {
      return null
    }
  }
export type FindKnownAnswer = ReturnType<typeof createFindKnownAnswer>
