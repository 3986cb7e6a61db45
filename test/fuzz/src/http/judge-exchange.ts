import { ERRORS } from '@menagerie/contract/errors'
import type { Exchange } from './exchange.ts'
import { INJECTED_HEADER } from './hostile-text.ts'
import { headerOf, NotHttpError, parseAnswers, type Answer } from './parse-answers.ts'

/** What must not be. */
export interface Fault {
  kind: 'unexpected_5xx' | 'unexpected' | 'hang'
  detail: string
}

export interface Judgement {
  answers: Answer[]
  fault: Fault | null
}

/** Nobody classifies here, so that who waits for an answer waits in vain, in the words of whichever protocol. */
const isExpected5xx = ({ status, body }: Answer): boolean =>
  (status === 504 && body.includes('its answer will be at')) ||
  (status === 503 && /no worker of model|"queue_full"/.test(body))

const readCode = ({ body }: Answer): string | null => {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code)
  } catch {
    return null
  }
}

const judgeAnswer = (answer: Answer): Fault | null => {
  const { status, body } = answer
  const code = readCode(answer)
  if (status >= 500 && !isExpected5xx(answer)) {
    return { kind: 'unexpected_5xx', detail: `${status} ${body.slice(0, 300)}` }
  }
  if (headerOf(answer, INJECTED_HEADER) !== null)
    return { kind: 'unexpected', detail: 'a header was injected' }
  const isProblem = headerOf(answer, 'content-type')?.startsWith('application/problem+json') ?? false
  if (!isProblem || body === '') return null
  const isKnown = code !== null && code in ERRORS && ERRORS[code as keyof typeof ERRORS].status === status
  return isKnown
    ? null
    : { kind: 'unexpected', detail: `${status} is no problem of ours: ${body.slice(0, 300)}` }
}

/** Whether a server that is well behaves so, whatever it was sent. */
export const judgeExchange = ({ text, end }: Exchange): Judgement => {
  try {
    const { answers } = parseAnswers(text)
    const fault = answers.map(judgeAnswer).find((found) => found !== null) ?? null
    const detail = `no end of the connection; it got ${JSON.stringify(text.slice(0, 200))}`
    return { answers, fault: fault ?? (end === 'hang' ? { kind: 'hang', detail } : null) }
  } catch (error) {
    if (!(error instanceof NotHttpError)) throw error
    return { answers: [], fault: { kind: 'unexpected', detail: `this is no HTTP: ${error.message}` } }
  }
}
