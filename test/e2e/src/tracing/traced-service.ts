import { makeForm } from '@menagerie/harness/form'
import { startOtlpReceiver, type ReceivedSpan } from '@menagerie/harness/otlp-receiver'
import { waitUntil, type Env } from '@menagerie/harness/processes'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { startService } from '../service.ts'

/** What a client that traces its calls sends along. */
export const makeTraceparent = (flags = '01') => {
  const traceId = randomBytes(16).toString('hex')
  const spanId = randomBytes(8).toString('hex')
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` }
}

/** A service that sends its spans to a collector of the test's. */
export const startTracedService = async (t: TestContext, changes: Env = {}) => {
  const collector = await startOtlpReceiver()
  t.after(() => collector.stop())
  const service = await startService(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...changes })
  return { ...service, collector }
}
export type TracedService = Awaited<ReturnType<typeof startTracedService>>

/** Asks for a prediction in a trace, and waits for its end. */
export const ask = async (
  url: string,
  picture: Uint8Array,
  options: { traceparent: string; fields?: Record<string, string>; headers?: Record<string, string> },
): Promise<Response> =>
  fetch(`${url}/v1/predictions`, {
    method: 'POST',
    body: makeForm(picture, options.fields, 'secret-name.jpg'),
    headers: { prefer: 'wait=60', traceparent: options.traceparent, ...options.headers },
  })

/** Waits until the collector has so many spans with each of these names of a trace, and returns them by name. */
export const collect = async (
  { collector }: TracedService,
  traceId: string,
  counts: Record<string, number>,
): Promise<(name: string, index?: number) => ReceivedSpan> => {
  const find = (name: string): ReceivedSpan[] =>
    collector.spans
      .filter((span) => span.traceId === traceId && span.name === name)
      .toSorted((a, b) => (a.startNs < b.startNs ? -1 : 1))
  await waitUntil(`the spans of ${traceId} have arrived`, () =>
    Object.entries(counts).every(([name, count]) => find(name).length >= count),
  )
  return (name, index = 0) => {
    const span = find(name)[index]
    if (span === undefined) throw new Error(`there is no span ${name} (${index})`)
    return span
  }
}
