import type { FuzzCase } from './build-case.ts'
import {
  startChild,
  type Answer,
  type CaseChild,
  type CaseChildOptions,
  type ChildLoss,
} from './case-child.ts'
import { countAnswer, countFinding, countMemory, createTally, type Finding, type Tally } from './tally.ts'

export interface RunOptions {
  child: CaseChildOptions
  children: number
  /** Cases that one child has at a time. */
  inFlightMax: number
  first: number
  count: number
  buildCase(number: number): FuzzCase
  /** Whole files, which every child has to decode before it gets its first case. */
  warmUp: readonly FuzzCase[]
  onFinding(finding: Finding): Promise<void>
  onProgress(doneCount: number): void
}

interface Run extends RunOptions {
  tally: Tally
  /** The next case, or null after the last. */
  take(): FuzzCase | null
  record(fuzzCase: FuzzCase, answer: Answer): Promise<void>
  /** Notes that a case is over, with an answer or without. */
  finish(): void
  report(finding: Finding): Promise<void>
}

// Enough to see the hand-over between threads at work, and few enough to cost nothing.
const CLASSIFIED_ONE_IN = 50

const runOne = (child: CaseChild, fuzzCase: FuzzCase): Promise<Answer | null> =>
  child.run(fuzzCase, fuzzCase.number % CLASSIFIED_ONE_IN === 0)

const openChild = async (run: Run): Promise<CaseChild> => {
  const child = await startChild(run.child)
  for (const file of run.warmUp) {
    const answer = await runOne(child, file)
    if (answer?.outcome.kind === 'decoded') continue
    throw new Error(`${file.description} is not decoded: ${JSON.stringify(answer ?? child.loss)}`)
  }
  countMemory(run.tally, 'start', child.memory)
  return child
}

/** Several cases at a time, until there are no more or the child is lost; returns those that it was lost with. */
const runTogether = async (run: Run, child: CaseChild): Promise<FuzzCase[]> => {
  const lost: FuzzCase[] = []
  const pull = async (): Promise<void> => {
    while (child.loss === null) {
      const fuzzCase = run.take()
      if (fuzzCase === null) return
      const answer = await runOne(child, fuzzCase)
      if (answer === null) lost.push(fuzzCase)
      else await run.record(fuzzCase, answer)
    }
  }
  await Promise.all(Array.from({ length: run.inFlightMax }, pull))
  return lost
}

/** Each suspect alone, to see which of them it was; returns the child to go on with. */
const runAlone = async (run: Run, suspects: FuzzCase[], first: ChildLoss): Promise<CaseChild> => {
  let child = await openChild(run)
  let isFound = false
  for (const fuzzCase of suspects) {
    const answer = await runOne(child, fuzzCase)
    if (answer !== null) {
      await run.record(fuzzCase, answer)
      continue
    }
    isFound = true
    run.finish()
    await run.report({ ...(child.loss ?? first), cases: [fuzzCase] })
    countMemory(run.tally, 'end', child.memory)
    child = await openChild(run)
  }
  if (!isFound) {
    const detail = `${first.detail}\nwith all of these at once; none did it alone`
    await run.report({ ...first, cases: suspects, detail })
  }
  return child
}

/** One child after the other; a new one begins where a lost one ended. */
const runLane = async (run: Run): Promise<void> => {
  let child = await openChild(run)
  for (;;) {
    const lost = await runTogether(run, child)
    if (child.loss === null) break
    countMemory(run.tally, 'end', child.memory)
    child = await runAlone(run, lost, child.loss)
  }
  const loss = await child.stop()
  countMemory(run.tally, 'end', child.memory)
  if (loss !== null) await run.report({ ...loss, cases: [] })
}

/** Runs cases in child processes. A child that dies is replaced, and the run goes on. */
export const runCases = async (options: RunOptions): Promise<Tally> => {
  const tally = createTally()
  const end = options.first + options.count
  let next = options.first
  let doneCount = 0
  const finish = (): void => options.onProgress(++doneCount)
  const report = async (finding: Finding): Promise<void> => {
    countFinding(tally, finding)
    await options.onFinding(finding)
  }
  const run: Run = {
    ...options,
    tally,
    take: () => (next < end ? options.buildCase(next++) : null),
    finish,
    async record(fuzzCase, answer) {
      finish()
      const finding = countAnswer(tally, fuzzCase, answer)
      if (finding !== null) await report(finding)
    },
    report,
  }
  await Promise.all(Array.from({ length: options.children }, () => runLane(run)))
  return tally
}
