import { getPriority, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { createNormalizer } from './normalize.ts'
import { createModelSession } from './session.ts'
import type { MessageFromThread, MessageToThread, ThreadSetup } from './thread-messages.ts'
import { pickTopK } from './top-k.ts'

// Entry of an inference thread. A session lives here because `run()` blocks the thread that calls it: on the
// main thread it would stop lock renewals, and with a short lock every job would run several times.
const port = parentPort
if (port === null) throw new Error('inference-thread is the entry of a worker thread')

// What feeds the model goes before the model: a decode, a lock renewal or an answer that has to wait for a core until a
// run's time slice is over leaves another inference thread without work. Linux alone has a priority per thread; 0 is
// the calling one.
const NICENESS = 10
const lowerPriority = (): void => {
  if (process.platform === 'linux') setPriority(0, Math.max(NICENESS, getPriority(0)))
}

const send = (message: MessageFromThread): void => port.postMessage(message)
const { modelPath, input, classes = null, intraOpThreads = 1 } = workerData as ThreadSetup
const normalize = createNormalizer(input)
// A session's own threads inherit the priority. Where it has none, a start need not wait for busy neighbours: on
// two cores with a load of 18, the model was loaded after 2.9 s in place of 3.3 s.
if (intraOpThreads > 1) lowerPriority()
const session = await createModelSession(modelPath, input.crop, intraOpThreads)

const predict = async (pixels: Uint8Array, topK: number) => {
  const startedAt = performance.now()
  const logits = await session.run(normalize(pixels))
  const ranked = pickTopK(logits, Math.max(topK, 2), classes)
  // Of all classes, also of those that are no answers: to leave them out must not make an answer surer.
  const rivals = classes === null ? ranked : pickTopK(logits, 2)
  const rival = rivals.find(([index]) => index !== ranked[0]?.[0]) ?? null
  return { topK: ranked.slice(0, topK), rival, predictMs: performance.now() - startedAt }
}

// The first run allocates the arena and is slower; nobody should wait for that.
const warmUp = await predict(new Uint8Array(input.crop * input.crop * 3), 1)
lowerPriority()

const handlePredict = async (message: Extract<MessageToThread, { type: 'predict' }>): Promise<void> => {
  try {
    send({ type: 'result', ...(await predict(message.pixels, message.topK)) })
  } catch (thrown) {
    send({
      type: 'error',
      message: thrown instanceof Error ? thrown.message : String(thrown),
    })
  }
}

// A stop waits behind the run before it: terminating a thread inside `run()` aborts the whole process.
let work = Promise.resolve()
port.on('message', (message: MessageToThread) => {
  work = work.then(async () => {
    if (message.type === 'predict') return handlePredict(message)
    port.close()
    return session.release()
  })
})
send({ type: 'ready', classCount: session.classCount, warmUpMs: warmUp.predictMs })
