import { ExportResultCode } from '@opentelemetry/core'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { Logger } from 'pino'

/** Says in the log that traces cannot be sent, and that they can again: once each, however long it lasts. */
export const reportOutages = (exporter: SpanExporter, log: Logger): SpanExporter => {
  let isDown = false
  const note = (isSent: boolean, err: Error | undefined): void => {
    if (isSent === !isDown) return
    isDown = !isSent
    if (isDown) log.warn({ err }, 'traces cannot be sent; those of this time are lost')
    else log.info('traces are sent again')
  }
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        note(result.code === ExportResultCode.SUCCESS, result.error)
        done(result)
      })
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  }
}
