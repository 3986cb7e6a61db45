import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import Type from 'typebox'
import { MARK_HEADERS } from './answer-marks.ts'
import { OUTCOME_CODES } from './outcome-codes.ts'
import { KEY_CODES, UPLOAD_CODES } from './upload-body.ts'

/** Response schemas for error codes of a route whose errors have the shape of another server's. */
export const foreignResponses = (schema: Type.TSchema, ...codes: ErrorCode[]): Record<string, object> =>
  Object.fromEntries(
    [...new Set(codes.map((code) => ERRORS[code].status))].map((status) => [
      status,
      {
        description: codes
          .filter((code) => ERRORS[code].status === status)
          .map((code) => ERRORS[code].title)
          .join('; '),
        content: { 'application/json': { schema } },
      },
    ]),
  )

/** What a route with `createAskAndWait` can answer but its result. */
export const ASK_AND_WAIT_CODES = [
  ...UPLOAD_CODES,
  ...KEY_CODES,
  ...OUTCOME_CODES,
  'model_not_found',
  'shutting_down',
] as const satisfies ErrorCode[]

/** Headers of its result. */
export const ASK_AND_WAIT_HEADERS = {
  location: Type.String({ description: 'Where the prediction can be read' }),
  ...MARK_HEADERS,
}
