import { AppError } from '@menagerie/contract/errors'
import { coerceError } from '@menagerie/shared/coerce-error'
import type { Span, SpanOptions, Tracer } from './tracer.ts'

/** What an error is called in a span. */
export const nameError = (thrown: unknown): string => {
  if (thrown instanceof AppError) return thrown.code
  const error = coerceError(thrown)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

/** Does something in a span, which ends with it; if it throws, the span says what. */
export const runSpan = async <T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> => {
  const span = tracer.start(name, options)
  try {
    return await work(span)
  } catch (thrown) {
    span.fail(nameError(thrown))
    throw thrown
  } finally {
    span.end()
  }
}
