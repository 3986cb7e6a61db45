import type { Prediction } from '@menagerie/contract/prediction'
import { estimateWaitMs, type CapacityReader } from './capacity.ts'
import type { RetentionOptions } from './expiry.ts'
import { viewPrediction } from './job-view.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { PredictionRead } from './record-reader.ts'

export type PredictionViewer = (read: PredictionRead, baseUrl: string) => Promise<Prediction>

/** Adds to a record what is not in it (class names, the estimated wait) and shows it as a Prediction. */
export const createPredictionViewer = (
  deps: { catalog: ModelCatalog; readCapacity: CapacityReader },
  options: RetentionOptions,
): PredictionViewer => {
  let refreshedFor = ''
  const findModel = async (read: PredictionRead) => {
    const { data, returnValue } = read.record
    // Without a result there are no classes to name, and what else is known can be shown while Redis is away.
    if (returnValue === null) return deps.catalog.find(data.model).catch(() => null)
    const model = await deps.catalog.find(data.model)
    // Another digest than the one we remember: the weights were changed a moment ago, and labels maybe too. Once per
    // digest: during an upgrade two versions are served, and only one is registered.
    if (model?.details?.digest === returnValue.digest) return model
    if (refreshedFor !== returnValue.digest) {
      refreshedFor = returnValue.digest
      deps.catalog.refresh()
    }
    return deps.catalog.find(data.model)
  }

  return async (read, baseUrl) => {
    const model = await findModel(read)
    const { position } = read
    const estimatedWaitMs =
      position === null ? null : estimateWaitMs(position, await deps.readCapacity(read.record.data.model))
    return viewPrediction(read, {
      model: model?.details ?? null,
      estimatedWaitMs,
      baseUrl,
      ...options,
    })
  }
}
