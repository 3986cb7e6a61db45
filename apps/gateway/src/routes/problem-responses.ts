import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import Type from 'typebox'

/** Response schemas for a route's error codes, grouped by status. */
export const problemResponses = (...codes: ErrorCode[]) => {
  const responses: Record<number, object> = {}
  for (const status of new Set(codes.map((code) => ERRORS[code].status))) {
    const codesOfStatus = codes.filter((code) => ERRORS[code].status === status)
    responses[status] = {
      // For the document, which says by status what there can be.
      codes: codesOfStatus,
      description: 'An error',
      content: { 'application/problem+json': { schema: Type.Ref('Problem') } },
    }
  }
  return responses
}
