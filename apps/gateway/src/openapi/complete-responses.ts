import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { createProblem } from '@menagerie/contract/problem'
import type { DocumentedResponse, Operation } from './document.ts'

/** What a connection can be answered before there is a route, and any route when something unforeseen happens. */
const CODES_OF_ALL = ['request_invalid', 'request_timeout', 'headers_too_large', 'internal_error'] as const

/** What a body can be refused for, by routes that expect none as well. */
const CODES_OF_BODIES = ['payload_too_large', 'media_type_unsupported'] as const

/** What a caller with an API key can be refused for, before anything else of the request is looked at. */
const CODES_OF_TENANTS = ['api_key_invalid'] as const

const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

const PROBLEM_TYPE = 'application/problem+json'
const EXAMPLE_REQUEST_ID = '6f1c3f0e-8a55-4a53-9a52-0d7b6f0f2d5e'

type Headers = NonNullable<DocumentedResponse['headers']>

const RETRY_AFTER: Headers = {
  'retry-after': { description: 'Seconds after which to try again', schema: { type: 'string' } },
}
const HEADERS: Record<string, Headers> = {
  401: { 'www-authenticate': { description: 'How to authenticate', schema: { type: 'string' } } },
  429: RETRY_AFTER,
  503: RETRY_AFTER,
}

const describeCodes = (codes: ErrorCode[]): string =>
  codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('; ')

/** The response with this status, as exact as the codes that it can carry make it. */
const describeProblem = (
  status: number,
  codes: ErrorCode[],
  given: DocumentedResponse | undefined,
): DocumentedResponse => {
  const headers = { ...given?.headers, ...HEADERS[status] }
  return {
    description: describeCodes(codes),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    content: {
      // Routes that speak another protocol have errors of that form too.
      ...given?.content,
      [PROBLEM_TYPE]: {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }],
          properties: { status: { const: status }, code: { enum: codes } },
        },
        examples: Object.fromEntries(
          codes.map((code) => [
            code,
            {
              summary: ERRORS[code].title,
              value: createProblem(code, ERRORS[code].title, EXAMPLE_REQUEST_ID),
            },
          ]),
        ),
      },
    },
  }
}

const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text)

/** The operation with a response per status for every error code that it can be answered with. */
export const completeResponses = (
  method: string,
  { 'x-codes': own = {}, ...operation }: Operation,
): Operation => {
  const codes = new Set<ErrorCode>([
    ...Object.values(own).flat().filter(isErrorCode),
    ...CODES_OF_ALL,
    ...((operation.security ?? []).some((scheme) => 'apiKey' in scheme) ? CODES_OF_TENANTS : []),
    ...(METHODS_WITH_BODY.has(method) ? CODES_OF_BODIES : []),
  ])
  const responses = { ...operation.responses }
  for (const status of new Set([...codes].map((code) => ERRORS[code].status))) {
    const ofStatus = [...codes].filter((code) => ERRORS[code].status === status)
    responses[status] = describeProblem(status, ofStatus, responses[status])
  }
  return { ...operation, responses }
}
