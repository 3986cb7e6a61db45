import Type from 'typebox'

/** Headers that a request for a prediction may have, as documented. */
export const CACHE_CONTROL_HEADER = {
  'cache-control': Type.Optional(
    Type.String({
      description: '`no-cache`: classify these bytes, even if the answer for them is known',
      examples: ['no-cache'],
    }),
  ),
}

/** Whether `Cache-Control` allows an answer from the cache (RFC 9111: a list of directives). */
export const isKnownAnswerEnough = (cacheControl: string | undefined): boolean =>
  !(cacheControl ?? '')
    .toLowerCase()
    .split(',')
    .some((directive) => directive.trim() === 'no-cache')
