import { randomUUID } from 'node:crypto'

// None of the parts has one.
const SEPARATOR = '_'

/**
 * An id for the picture of a prediction. It says whose it is and since when, so that one that nobody needs can be
 * recognised; the random part keeps two submissions of the same prediction apart.
 */
export const createUploadId = (owner: { model: string; predictionId: string }): string =>
  [owner.model, owner.predictionId, Date.now().toString(36), randomUUID()].join(SEPARATOR)

export interface UploadIdParts {
  model: string
  predictionId: string
  /** Epoch ms, by the clock of the gateway that stored it. */
  storedAt: number
}

/** Reads an id that `createUploadId` made; null when it is of another kind. */
export const parseUploadId = (uploadId: string): UploadIdParts | null => {
  const [model, predictionId, time, random] = uploadId.split(SEPARATOR)
  if (model === undefined || predictionId === undefined || time === undefined || random === undefined) {
    return null
  }
  return { model, predictionId, storedAt: Number.parseInt(time, 36) }
}

// Begins and ends such that neither it nor its last two characters can be `.` or `..`, or the name of a half-written file.
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,250}[0-9a-f]{2}$/

/** Whether an id may be the name of a file or an object. All that `createUploadId` makes are. */
export const isSafeUploadId = (uploadId: string): boolean => SAFE_ID.test(uploadId)

/** @throws RangeError */
export const requireSafeUploadId = (uploadId: string): void => {
  if (!isSafeUploadId(uploadId)) throw new RangeError('the id of an upload cannot be the name of a file')
}
