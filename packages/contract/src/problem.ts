import Type, { type Static } from 'typebox'
import { ERRORS, type ErrorCode } from './errors.ts'

const ErrorCodeSchema = Type.Enum(Object.keys(ERRORS) as ErrorCode[], {
  description: 'Stable error code; docs/failure-modes.md has a row for each',
})

/** RFC 9457 `application/problem+json`, with a stable `code`. */
export const Problem = Type.Object(
  {
    type: Type.String({ examples: ['urn:menagerie:error:file_missing'] }),
    title: Type.String(),
    status: Type.Integer(),
    code: ErrorCodeSchema,
    detail: Type.String(),
    request_id: Type.String(),
    prediction_url: Type.Optional(
      Type.String({ description: 'Where the prediction that this is about can be read' }),
    ),
  },
  { $id: 'Problem' },
)
export type Problem = Static<typeof Problem>

/** @param extra further members, e.g. `prediction_url` */
export const createProblem = (
  code: ErrorCode,
  detail: string,
  requestId: string,
  extra: Pick<Problem, 'prediction_url'> = {},
): Problem => ({
  type: `urn:menagerie:error:${code}`,
  title: ERRORS[code].title,
  status: ERRORS[code].status,
  code,
  detail,
  request_id: requestId,
  ...extra,
})

/** Why a prediction did not succeed. */
export const PredictionError = Type.Object({ code: ErrorCodeSchema, message: Type.String() })
