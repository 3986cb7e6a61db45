import { EnvError } from '@menagerie/shared/env'
import Type, { type Static, type TObject } from 'typebox'
import { parseKeyValues } from './parse-key-values.ts'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
export type SamplerName = (typeof SAMPLERS)[number]

/** The settings of tracing, by OpenTelemetry's own names, for a process that calls itself so by default. */
export const tracingSettings = (serviceName: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: String.raw`^https?://[^\s/?#]+`,
      description:
        'Where traces are sent, by OTLP over HTTP as JSON: http://127.0.0.1:4318, to which /v1/traces is added. Without it there are none (docs/tracing.md)',
    }),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: Type.Optional(
    Type.String({
      description: 'Headers to send with them: name=value, with commas between and special characters as %XX',
    }),
  ),
  OTEL_SERVICE_NAME: Type.String({
    default: serviceName,
    description: 'What this process is called in traces',
  }),
  OTEL_RESOURCE_ATTRIBUTES: Type.Optional(
    Type.String({
      description:
        'What else is said of this process in traces: name=value, with commas between and special characters as %XX',
    }),
  ),
  OTEL_TRACES_SAMPLER: Type.Enum([...SAMPLERS], {
    default: 'parentbased_always_on',
    description: 'Which traces are sent; parentbased: as the client decided, where it did',
  }),
  OTEL_TRACES_SAMPLER_ARG: Type.String({
    default: '1',
    pattern: String.raw`^(?:0|1|1\.0+|0?\.\d+)$`,
    description: 'Share of the traces that traceidratio sends, from 0 to 1',
  }),
})

const requireKeyValues = (
  name: string,
  text: string | undefined,
  isValid: RegExp,
): Record<string, string> => {
  const parsed = parseKeyValues(text ?? '')
  if (parsed !== null && Object.entries(parsed).every(([key, value]) => isValid.test(`${key}=${value}`))) {
    return parsed
  }
  throw new EnvError([`${name} must be name=value, with commas between and special characters as %XX`])
}

const requireEndpoint = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && url.search === '' && url.hash === '') return text.replace(/\/+$/, '')
  throw new EnvError([
    'OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4318, without a query',
  ])
}

// A header that Node refuses to send would fail each export instead of the start.
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+=[\t\x20-\x7e]*$/
const ATTRIBUTE = /^[^=]+=/

/**
 * Where traces go and what is in them; null: tracing is off.
 *
 * @throws EnvError
 */
export const readTracingSettings = (
  settings: Static<TObject<ReturnType<typeof tracingSettings>>>,
): TracingConfig | null => {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings
  if (endpoint === undefined) return null
  return {
    endpoint: requireEndpoint(endpoint),
    headers: requireKeyValues('OTEL_EXPORTER_OTLP_HEADERS', settings.OTEL_EXPORTER_OTLP_HEADERS, HEADER),
    attributes: {
      ...requireKeyValues('OTEL_RESOURCE_ATTRIBUTES', settings.OTEL_RESOURCE_ATTRIBUTES, ATTRIBUTE),
      'service.name': settings.OTEL_SERVICE_NAME,
    },
    sampler: settings.OTEL_TRACES_SAMPLER,
    ratio: Number(settings.OTEL_TRACES_SAMPLER_ARG),
  }
}

export interface TracingConfig {
  /** Without a slash at its end. */
  endpoint: string
  headers: Record<string, string>
  /** Of the process. */
  attributes: Record<string, string>
  sampler: SamplerName
  /** Of the traces that are sent, where the sampler asks for it: 0 to 1. */
  ratio: number
}
