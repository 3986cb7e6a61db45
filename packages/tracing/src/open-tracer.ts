import type { Logger } from 'pino'
import { NO_TRACING } from './no-tracing.ts'
import type { TracingConfig } from './settings.ts'
import type { Tracer } from './tracer.ts'

/** OpenTelemetry is loaded only where it is used: it takes 60 ms and 10 MB. */
export const openTracer = async (config: TracingConfig | null, log: Logger): Promise<Tracer> => {
  if (config === null) return NO_TRACING
  const { createOtelTracer } = await import('./otel-tracer.ts')
  return createOtelTracer(config, log)
}
