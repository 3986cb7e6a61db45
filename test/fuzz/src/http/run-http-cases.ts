import { exchange } from './exchange.ts'
import { findServiceFault, forget, forgetBatch } from './good-request.ts'
import type { HttpCase } from './http-case.ts'
import { judgeExchange, type Fault } from './judge-exchange.ts'
import { headerOf, type Answer } from './parse-answers.ts'
import type { Target } from './target.ts'

export interface HttpFinding {
  kind: Fault['kind'] | 'crash'
  cases: HttpCase[]
  detail: string
}

export interface HttpTally {
  /** Cases by the status of the last answer that they got; 0: none. */
  answered: Record<string, number>
  good: number
  findings: Record<HttpFinding['kind'], number>
  slowest: { number: number; ms: number }
}

export interface HttpRunOptions {
  target: Pick<Target, 'port' | 'url' | 'isAlive' | 'restart'>
  lanes: number
  first: number
  count: number
  /** After so many cases a good request has to be answered as ever. */
  goodEvery: number
  hangTimeoutMs: number
  buildCase(number: number): HttpCase
  onFinding(finding: HttpFinding): Promise<void>
  onProgress(doneCount: number): void
}

/** What an answer says is accepted: a damaged request may still be a good one. */
const findAccepted = (answer: Answer): Array<{ kind: string; id: string }> => {
  const text = headerOf(answer, 'location') ?? (answer.status === 504 ? answer.body : '')
  const [, kind, id] = /\/v1\/(predictions|batches)\/([0-9a-f-]{36})/.exec(text) ?? []
  return kind === undefined || id === undefined ? [] : [{ kind, id }]
}

/** Sends the cases, several at a time, and checks all the while that the gateway is well. */
export const runHttpCases = async (options: HttpRunOptions): Promise<HttpTally> => {
  const { target } = options
  const tally: HttpTally = {
    answered: {},
    good: 0,
    findings: { crash: 0, hang: 0, unexpected: 0, unexpected_5xx: 0 },
    slowest: { number: 0, ms: 0 },
  }
  const end = options.first + options.count
  let next = options.first
  let doneCount = 0
  let restarting: Promise<void> | null = null
  const running = new Set<HttpCase>()

  const report = async (finding: HttpFinding): Promise<void> => {
    tally.findings[finding.kind] += 1
    await options.onFinding(finding)
  }
  const restart = async (): Promise<void> => {
    const suspects = [...running]
    await report({ kind: 'crash', cases: suspects, detail: await target.restart() })
    restarting = null
  }
  const checkService = async (httpCase: HttpCase): Promise<void> => {
    const detail = await findServiceFault(target.url)
    if (detail === null) tally.good += 1
    else if (target.isAlive()) await report({ kind: 'unexpected', cases: [httpCase], detail })
  }
  const runOne = async (httpCase: HttpCase): Promise<void> => {
    const startedAt = performance.now()
    const { answers, fault } = judgeExchange(await exchange(target.port, httpCase, options.hangTimeoutMs))
    const ms = performance.now() - startedAt
    if (ms > tally.slowest.ms) tally.slowest = { number: httpCase.number, ms }
    const status = answers.at(-1)?.status ?? 0
    tally.answered[status] = (tally.answered[status] ?? 0) + 1
    if (fault !== null) await report({ ...fault, cases: [httpCase] })
    for (const { kind, id } of answers.flatMap(findAccepted)) {
      if (target.isAlive()) await (kind === 'batches' ? forgetBatch : forget)(target.url, id)
    }
  }
  const runLane = async (): Promise<void> => {
    while (next < end) {
      const httpCase = options.buildCase(next++)
      running.add(httpCase)
      await runOne(httpCase)
      if (httpCase.number % options.goodEvery === 0) await checkService(httpCase)
      if (!target.isAlive()) await (restarting ??= restart())
      running.delete(httpCase)
      options.onProgress(++doneCount)
    }
  }
  await Promise.all(Array.from({ length: options.lanes }, runLane))
  return tally
}
