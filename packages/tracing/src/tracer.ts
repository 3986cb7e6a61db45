import type { TraceContext } from '@menagerie/contract/trace-context'
import type { TraceIds } from './trace-context.ts'

export type SpanAttributes = Record<string, string | number | boolean>

export interface SpanOptions {
  /** By default something inside this process. */
  kind?: 'server' | 'client' | 'producer' | 'consumer'
  /** In whose course it happens; undefined: a trace of its own. */
  parent: TraceContext | undefined
  attributes?: SpanAttributes
  /** What it has to do with besides. */
  links?: Array<TraceContext | undefined>
  /** As `performance.now()` has it; by default now. */
  startedAt?: number
}

export interface Span {
  /** The parent of what is done in its course. Where tracing is off: its own parent, so that a client's is passed on. */
  readonly context: TraceContext | undefined
  /** For the lines of the log about it. */
  readonly ids: TraceIds
  set(attributes: SpanAttributes): void
  /** @param type a code or a name, out of few: never a text, which may repeat what somebody sent */
  fail(type: string): void
  /** @param endedAt as `performance.now()` has it; by default now */
  end(endedAt?: number): void
}

export interface Tracer {
  /** Names have few values, and nothing of a user's in them. */
  start(name: string, options: SpanOptions): Span
  /** Sends what is left, in a bounded time. */
  close(): Promise<void>
}
