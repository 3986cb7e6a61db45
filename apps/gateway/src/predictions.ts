import type { Prediction } from '@menagerie/contract/prediction'
import { estimateWaitMs, type CapacityReader } from './capacity.ts'
import { viewPrediction } from './job-view.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { PredictionRead } from './record-reader.ts'

export type PredictionViewer = (read: PredictionRead, baseUrl: string) => Promise<Prediction>

/** Adds to a record what is not in it (class names, the estimated wait) and shows it as a Prediction. */
export const createPredictionViewer = (
  deps: { catalog: ModelCatalog; readCapacity: CapacityReader },
  options: { resultTtlMs: number },
): PredictionViewer => {
  const findModel = async (read: PredictionRead) => {
    const { data, returnValue } = read.record
    const model = await deps.catalog.find(data.model)
    // Another digest than the one we remember: the weights were changed a moment ago, and labels maybe too.
    if (returnValue !== null && model?.details?.digest !== returnValue.digest) {
      deps.catalog.refresh()
      return deps.catalog.find(data.model)
    }
    return model
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
      resultTtlMs: options.resultTtlMs,
    })
  }
}
