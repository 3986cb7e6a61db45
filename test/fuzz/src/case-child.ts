import { fork, type ChildProcess } from 'node:child_process'
import type { FuzzCase } from './build-case.ts'
import type { MessageFromChild, MessageToChild, Outcome } from './messages.ts'

export interface Answer {
  outcome: Outcome
  /** From the moment the child had it. */
  ms: number
}

/** How a child ended that should not have. */
export interface ChildLoss {
  kind: 'crash' | 'hang'
  detail: string
}

export interface MemoryUse {
  /** Resident set, as last heard of. */
  rssBytes: number
  rssBytesMax: number
}

/** A process that answers cases, several at a time. */
export interface CaseChild {
  readonly loss: ChildLoss | null
  readonly memory: MemoryUse
  /** The answer, or null when the child was lost before it. */
  run(fuzzCase: FuzzCase, isClassified: boolean): Promise<Answer | null>
  /** Lets it end by itself; one that does not, or not with 0, is lost. */
  stop(): Promise<ChildLoss | null>
}

export interface CaseChildOptions {
  path: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** A case without an answer for so long hangs. */
  hangTimeoutMs: number
}

const STDERR_CHARS_MAX = 4000

const describeExit = (child: ChildProcess, stderr: string): string =>
  `${child.signalCode === null ? `exit code ${child.exitCode}` : child.signalCode}${stderr === '' ? '' : `\n${stderr}`}`

/** Starts a child; resolves when it is ready. */
export const startChild = async ({
  path,
  args,
  env,
  hangTimeoutMs,
}: CaseChildOptions): Promise<CaseChild> => {
  // With "advanced" serialization bytes are sent as bytes.
  const child = fork(path, args, {
    env,
    serialization: 'advanced',
    execArgv: ['--enable-source-maps'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const waiting = new Map<number, (answer: Answer | null) => void>()
  const memory: MemoryUse = { rssBytes: 0, rssBytesMax: 0 }
  let loss: ChildLoss | null = null
  let isStopping = false
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARS_MAX)
  })

  const endHang = (what: string): void => {
    loss ??= { kind: 'hang', detail: `no answer to ${what} within ${hangTimeoutMs / 1000} s` }
    child.kill('SIGKILL')
  }
  const watch = (what: string): NodeJS.Timeout => setTimeout(endHang, hangTimeoutMs, what)

  const exited = new Promise<void>((resolve) => {
    // “close” and not “exit”: then all it has written is here.
    child.once('close', (code) => {
      if (!isStopping || code !== 0) loss ??= { kind: 'crash', detail: describeExit(child, stderr) }
      for (const settle of waiting.values()) settle(null)
      resolve()
    })
  })
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message: MessageFromChild) => {
      if (message.type === 'ready') resolve()
      else if (message.type === 'answer') waiting.get(message.number)?.(message)
      else {
        memory.rssBytes = message.rssBytes
        memory.rssBytesMax = Math.max(memory.rssBytesMax, message.rssBytes)
      }
    })
  })
  // A message to a child that has just died fails; “close” follows and says so.
  const send = (message: MessageToChild): void => void child.send(message, () => undefined)

  const startTimer = watch('the start')
  await Promise.race([ready, exited])
  clearTimeout(startTimer)
  if (loss !== null) throw new Error(`${path} did not start: ${(loss as ChildLoss).detail}`)

  return {
    get loss() {
      return loss
    },
    memory,
    async run({ number, bytes }, isClassified) {
      if (loss !== null) return null
      const timer = watch(`case ${number}`)
      try {
        return await new Promise<Answer | null>((resolve) => {
          waiting.set(number, resolve)
          send({ type: 'case', number, bytes, isClassified })
        })
      } finally {
        clearTimeout(timer)
        waiting.delete(number)
      }
    },
    async stop() {
      isStopping = true
      const timer = watch('the stop')
      send({ type: 'stop' })
      await exited
      clearTimeout(timer)
      return loss
    },
  }
}
