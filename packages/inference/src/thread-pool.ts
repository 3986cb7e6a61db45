import { AppError } from '@menagerie/contract/errors'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { MessageFromThread, MessageToThread, ThreadSetup } from './thread-messages.ts'
import type { ClassProbability } from './top-k.ts'

export interface ThreadResult {
  topK: ClassProbability[]
  /** The most probable of all other classes, those included that are no answers; null: there is no other. */
  rival: ClassProbability | null
  /** Time inside the thread: normalise, run, softmax, top-k. */
  predictMs: number
}

interface Task {
  pixels: Uint8Array
  topK: number
  resolve(result: ThreadResult): void
  reject(error: Error): void
}

interface Thread {
  worker: Worker
  task: Task | null
}

export interface ThreadPool {
  classCount: number
  /** Duration of the run that warms a session up: a little more than a later one takes. */
  warmUpMs: number
  /**
   * The pixels are transferred: the caller's array is empty afterwards. The signal ends the wait for a thread, with
   * what it was aborted with; a run cannot be interrupted.
   */
  predict(pixels: Uint8Array, topK: number, signal?: AbortSignal): Promise<ThreadResult>
  /** Finishes what was handed in, then stops the threads. */
  close(): Promise<void>
}

// A thread that dies again and again must not spend the cores on loading the model.
const RESPAWN_DELAY_MS = 1000

/** `Promise.withResolvers`, which Node 20 does not have. */
const withResolvers = <T>() => {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/**
 * Inference threads, each with a session of its own, and one line of tasks before them. Resolves when every
 * thread is warm. A thread that dies rejects its task with `inference_failed` and is replaced after a second.
 */
export const createThreadPool = async (
  setup: ThreadSetup,
  options: { threads: number; onThreadLost?: (error: Error) => void },
): Promise<ThreadPool> => {
  // Warm threads; `workers` has those that are starting as well.
  const threads = new Set<Thread>()
  const workers = new Set<Worker>()
  const waiting: Task[] = []
  const unsettled = new Set<Promise<ThreadResult>>()
  const closing = new AbortController()

  const dispatch = (): void => {
    for (const thread of threads) {
      while (thread.task === null) {
        const task = waiting.shift()
        if (task === undefined) return
        const message: MessageToThread = { type: 'predict', pixels: task.pixels, topK: task.topK }
        try {
          // Transferring spares a copy of 150 kB.
          thread.worker.postMessage(message, [task.pixels.buffer as ArrayBuffer])
          thread.task = task
        } catch (cause) {
          task.reject(new AppError('inference_failed', 'the pixels could not be handed over', { cause }))
        }
      }
    }
  }

  const settle = (thread: Thread, message: MessageFromThread): void => {
    const { task } = thread
    if (message.type === 'ready' || task === null) return
    thread.task = null
    if (message.type === 'result') {
      const { topK, rival, predictMs } = message
      task.resolve({ topK, rival, predictMs })
    }
    // The library's own words may name files and nodes: they are for the log, not for the client.
    else
      task.reject(
        new AppError('inference_failed', 'the model failed on this image', {
          cause: new Error(message.message),
        }),
      )
    dispatch()
  }

  const rejectWaiting = (cause: Error): void => {
    for (const task of waiting.splice(0)) {
      task.reject(new AppError('inference_failed', 'no inference thread is running', { cause }))
    }
  }

  const lose = (thread: Thread, cause: Error): void => {
    if (!threads.delete(thread)) return
    thread.task?.reject(new AppError('inference_failed', 'the inference thread died', { cause }))
    if (closing.signal.aborted) {
      if (threads.size === 0) rejectWaiting(cause)
      return
    }
    options.onThreadLost?.(cause)
    void replace(cause)
  }

  /** Starts a thread; resolves when it is warm, rejects when it cannot start. */
  const spawn = (): Promise<Extract<MessageFromThread, { type: 'ready' }>> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./inference-thread.js', import.meta.url), { workerData: setup })
      const thread: Thread = { worker, task: null }
      workers.add(worker)
      worker.on('message', (message: MessageFromThread) => {
        if (message.type !== 'ready') {
          settle(thread, message)
          return
        }
        threads.add(thread)
        resolve(message)
        dispatch()
      })
      let lastError = new Error('the inference thread ended')
      worker.on('error', (error: Error) => {
        lastError = error
      })
      worker.on('exit', () => {
        workers.delete(worker)
        reject(lastError)
        lose(thread, lastError)
      })
    })

  const replace = async (cause: Error): Promise<void> => {
    await sleep(RESPAWN_DELAY_MS, undefined, { signal: closing.signal }).catch(() => undefined)
    if (closing.signal.aborted) {
      if (workers.size === 0) rejectWaiting(cause)
      return
    }
    await spawn().catch((error: Error) => {
      options.onThreadLost?.(error)
      if (threads.size === 0) rejectWaiting(error)
      return replace(error)
    })
  }

  /** By message: a thread that is terminated inside a run takes the whole process with it. */
  const stopThreads = async (): Promise<void> => {
    closing.abort()
    await Promise.all(
      Array.from(workers, (worker) => {
        const exited = new Promise((resolve) => worker.once('exit', resolve))
        worker.postMessage({ type: 'stop' } satisfies MessageToThread)
        return exited
      }),
    )
  }

  const ready = await Promise.all(Array.from({ length: options.threads }, spawn)).catch(
    async (error: unknown) => {
      await stopThreads()
      throw error
    },
  )
  return {
    classCount: ready[0]?.classCount ?? 0,
    warmUpMs: Math.max(...ready.map(({ warmUpMs }) => warmUpMs)),
    predict(pixels, topK, signal) {
      if (closing.signal.aborted) return Promise.reject(new Error('the thread pool is closed'))
      const { promise, resolve, reject } = withResolvers<ThreadResult>()
      const task = { pixels, topK, resolve, reject }
      const leaveLine = (): void => {
        const place = waiting.indexOf(task)
        if (place === -1) return
        waiting.splice(place, 1)
        reject(signal?.reason)
      }
      unsettled.add(promise)
      waiting.push(task)
      signal?.addEventListener('abort', leaveLine)
      dispatch()
      return promise.finally(() => {
        signal?.removeEventListener('abort', leaveLine)
        unsettled.delete(promise)
      })
    },
    async close() {
      closing.abort()
      await Promise.allSettled(unsettled)
      await stopThreads()
    },
  }
}
