import type { ClassRange, ModelInput } from '@menagerie/contract/model-manifest'
import type { ClassProbability } from './top-k.ts'

/** What a thread is started with. */
export interface ThreadSetup {
  modelPath: string
  input: ModelInput
  /** The classes that answers are chosen from; by default all. */
  classes?: ClassRange | null
  /** Threads that share one run; 1 unless given. */
  intraOpThreads?: number
}

export type MessageToThread = { type: 'predict'; pixels: Uint8Array; topK: number } | { type: 'stop' }

export type MessageFromThread =
  | { type: 'ready'; classCount: number; warmUpMs: number }
  | { type: 'result'; topK: ClassProbability[]; rival: ClassProbability | null; predictMs: number }
  | { type: 'error'; message: string }
