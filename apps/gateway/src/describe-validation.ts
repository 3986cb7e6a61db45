interface ValidationError {
  instancePath?: string
  message?: string
  params?: Record<string, unknown>
}

// Of a name that the client chose; what is longer would only fill the log.
const NAME_LENGTH_MAX = 64

/** The first thing that a validator found wrong, in words: `query parameter top_k must be <= 20`. */
export const describeValidation = (place: string, errors: readonly ValidationError[]): string => {
  const [error] = errors
  // Ajv names one in an error of its own; TypeBox lists them, after an error for each that does not say why.
  const unknown = errors
    .flatMap(({ params }) => [params?.['additionalProperty'], params?.['additionalProperties']].flat())
    .find((name) => name !== undefined)
  if (typeof unknown === 'string') return `${place} ${unknown.slice(0, NAME_LENGTH_MAX)} is not known here`
  const name = error?.instancePath?.slice(1).replaceAll('/', '.') ?? ''
  return `${place} ${name} ${error?.message ?? 'is not valid'}`.replace(/ +/g, ' ')
}
