import type { ClassRange, ConfidenceRule, ModelInput } from '@menagerie/contract/model-manifest'
import { DEFAULT_CONFIDENCE, isConfident } from './confidence.ts'
import { configureSharp } from './configure-sharp.ts'
import { decodeImage } from './decode-image.ts'
import { disableTelemetry } from './disable-telemetry.ts'
import { createThreadPool } from './thread-pool.ts'
import type { ClassProbability } from './top-k.ts'

export interface Classification {
  /** `[class index, probability]`, most probable first. */
  topK: ClassProbability[]
  /** Whether the best class may be shown as a fact. */
  confident: boolean
  preprocessMs: number
  predictMs: number
}

export interface Classifier {
  /** How many classes the model tells apart. */
  classCount: number
  /** Duration of the run at the start, which warms a session up: a little more than a later one takes. */
  warmUpMs: number
  /**
   * Image bytes to the most probable classes.
   *
   * @throws AppError `image_type_unsupported`, `image_too_large`, `image_undecodable`, `decode_timeout`,
   * `inference_failed`; what the signal was aborted with
   */
  classify(
    bytes: Buffer,
    options: { topK: number; signal?: AbortSignal | undefined },
  ): Promise<Classification>
  close(): Promise<void>
}

/** A classifier: decode and resize in this thread's libuv pool, inference in threads of its own. */
export const createClassifier = async (options: {
  modelPath: string
  input: ModelInput
  /** Sessions, each with a thread of its own: predictions at the same time. */
  threads: number
  /** The classes that answers are chosen from; by default all. */
  classes?: ClassRange | null
  /** null: no answer is confident. */
  confidence?: ConfidenceRule | null
  /** Threads that share one run; 1 unless given. `threads × intraOpThreads` must not exceed the cores. */
  intraOpThreads?: number
  onThreadLost?: (error: Error) => void
}): Promise<Classifier> => {
  configureSharp()
  disableTelemetry()
  const { modelPath, input, classes = null, confidence = DEFAULT_CONFIDENCE, intraOpThreads = 1 } = options
  const pool = await createThreadPool({ modelPath, input, classes, intraOpThreads }, options)
  return {
    classCount: pool.classCount,
    warmUpMs: pool.warmUpMs,
    async classify(bytes, { topK, signal }) {
      const startedAt = performance.now()
      const pixels = await decodeImage(bytes, input, { signal })
      const preprocessMs = performance.now() - startedAt
      signal?.throwIfAborted()
      const { topK: ranked, rival, predictMs } = await pool.predict(pixels, topK, signal)
      const contenders = [...ranked.slice(0, 1), ...(rival === null ? [] : [rival])]
      return { topK: ranked, confident: isConfident(contenders, confidence), preprocessMs, predictMs }
    },
    close: () => pool.close(),
  }
}
