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

export type MessageToThread =
  | { type: 'predict'; id: number; pixels: Uint8Array; topK: number }
  | { type: 'stop' }

export type MessageFromThread =
  | { type: 'ready'; classCount: number; warmUpMs: number }
  | { type: 'result'; id: number; topK: ClassProbability[]; predictMs: number }
  | { type: 'error'; id: number; message: string }
