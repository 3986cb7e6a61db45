import type { TraceContext } from '@menagerie/contract/trace-context'
import type { SpanAttributes, SpanOptions } from './tracer.ts'

/** The names of OpenTelemetry's conventions for messaging, which are still being worked on: in one place. */
const describe = (
  operation: 'send' | 'process',
  queue: string,
  jobId: string | undefined,
): SpanAttributes => ({
  'messaging.system': 'bullmq',
  'messaging.operation.type': operation,
  'messaging.operation.name': operation,
  'messaging.destination.name': queue,
  ...(jobId === undefined ? {} : { 'messaging.message.id': jobId }),
})

/** What a span says of the prediction that it is about. */
export const predictionAttributes = (id: string, model: string): SpanAttributes => ({
  'menagerie.prediction.id': id,
  'menagerie.model': model,
})

interface Message {
  queue: string
  /** undefined: of several messages. */
  jobId: string | undefined
  parent: TraceContext | undefined
  attributes?: SpanAttributes
}

/** Name and options of the span in which a job is put into its queue. */
export const sendSpan = ({ queue, jobId, parent, attributes }: Message): [string, SpanOptions] => [
  `send ${queue}`,
  { kind: 'producer', parent, attributes: { ...describe('send', queue, jobId), ...attributes } },
]

/** Name and options of the span in which a job that was taken from its queue is worked on. */
export const processSpan = ({ queue, jobId, parent, attributes }: Message): [string, SpanOptions] => [
  `process ${queue}`,
  { kind: 'consumer', parent, attributes: { ...describe('process', queue, jobId), ...attributes } },
]
