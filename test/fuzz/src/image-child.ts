import { AppError, type ErrorCode } from '@menagerie/contract/errors'
import { createClassifier } from '@menagerie/inference/classifier'
import { decodeImage } from '@menagerie/inference/decode-image'
import type { CaseMessage, MessageFromChild, MessageToChild, Outcome } from './messages.ts'
import { FUZZ_INPUT, FUZZ_MODEL } from './tiny-model.ts'

// `node image-child.js <model>`: decodes what it is sent, several at a time, as a worker does.
const MEMORY_INTERVAL_MS = 50
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'image_type_unsupported',
  'image_too_large',
  'image_undecodable',
  'decode_timeout',
])

const send = (message: MessageFromChild): void => void process.send?.(message)
const sendMemory = (): void => send({ type: 'memory', rssBytes: process.memoryUsage.rss() })

const [modelPath = ''] = process.argv.slice(2)
const classifier = await createClassifier({ modelPath, input: FUZZ_INPUT, threads: 1 })

/** Null when all is as it should be. */
const findFault = async (bytes: Buffer, isClassified: boolean): Promise<string | null> => {
  if (!isClassified) {
    const { length } = await decodeImage(bytes, FUZZ_INPUT)
    return length === FUZZ_INPUT.crop ** 2 * 3 ? null : `decoded to ${length} bytes`
  }
  const { topK } = await classifier.classify(bytes, { topK: classifier.classCount })
  const sum = topK.reduce((total, [, probability]) => total + probability, 0)
  return topK.length === FUZZ_MODEL.classCount && Math.abs(sum - 1) < 0.01
    ? null
    : `classified as ${JSON.stringify(topK)}`
}

const judge = async (bytes: Buffer, isClassified: boolean): Promise<Outcome> => {
  try {
    const detail = await findFault(bytes, isClassified)
    return detail === null ? { kind: 'decoded' } : { kind: 'unexpected', detail }
  } catch (thrown) {
    if (thrown instanceof AppError && REFUSALS.has(thrown.code)) {
      return { kind: 'refused', code: thrown.code }
    }
    return { kind: 'unexpected', detail: thrown instanceof Error ? String(thrown.stack) : String(thrown) }
  }
}

const exit = (): void => process.exit()

const stop = async (): Promise<void> => {
  sendMemory()
  clearInterval(memoryTimer)
  await classifier.close()
  // From here on nothing should keep the process alive; that it ends by itself is part of the test.
  process.off('disconnect', exit)
  process.disconnect()
}

const answer = async ({ number, bytes, isClassified }: CaseMessage): Promise<void> => {
  const startedAt = performance.now()
  const outcome = await judge(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), isClassified)
  send({ type: 'answer', number, outcome, ms: performance.now() - startedAt })
}

process.on('message', (message: MessageToChild) => {
  void (message.type === 'stop' ? stop() : answer(message))
})
// A child without a parent has nobody to answer.
process.on('disconnect', exit)
const memoryTimer = setInterval(sendMemory, MEMORY_INTERVAL_MS)
sendMemory()
send({ type: 'ready' })
