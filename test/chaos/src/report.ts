import type { Finding } from './books.ts'
import { formatCommand, type ChaosOptions } from './options.ts'
import type { RunResult } from './run-chaos.ts'
import { describeAction } from './schedule.ts'

/** The last line of a run. */
export interface Summary {
  bench: 'chaos'
  accepted: number
  lost: number
  wrong: number
  doubled: number
  orphan_uploads: number
  webhooks_missing: number
  /** Answers and ends of processes that should not have been. */
  unexpected: number
  kills: number
  seed: number
  seconds: number
}

const KINDS = ['lost', 'wrong', 'doubled', 'orphan_uploads', 'webhooks_missing', 'unexpected'] as const

const countSubjects = (findings: readonly Finding[], kind: Finding['kind']): number =>
  new Set(findings.filter((finding) => finding.kind === kind).map(({ subject }) => subject)).size

export const summarize = (result: RunResult, options: ChaosOptions, seconds: number): Summary => {
  const count = (kind: Finding['kind']): number => countSubjects(result.findings, kind)
  return {
    bench: 'chaos',
    accepted: result.accepted,
    lost: count('lost'),
    wrong: count('wrong'),
    doubled: count('doubled'),
    orphan_uploads: count('orphan_uploads'),
    webhooks_missing: count('webhooks_missing'),
    unexpected: count('unexpected'),
    kills: result.kills,
    seed: options.seed,
    seconds: Math.round(seconds),
  }
}

/** Nothing was found, and as many were killed as was asked for. */
export const isGood = (summary: Summary, options: ChaosOptions): boolean =>
  KINDS.every((kind) => summary[kind] === 0) && summary.kills >= options.kills

const FINDINGS_SHOWN_MAX = 200

const table = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([label, count]) => `| ${label} | ${count} |`)
    .join('\n')

const LINE_CHARS_MAX = 400

const shorten = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.slice(0, LINE_CHARS_MAX))
    .join('\n')

const seconds = (ms: number): string => (ms / 1000).toFixed(1)

/** The report of a run in Markdown; `logTails` are the last lines of each process. */
export const formatReport = (
  result: RunResult,
  options: ChaosOptions,
  summary: Summary,
  logTails: ReadonlyMap<string, string>,
): string => `# Chaos, seed ${options.seed}

\`\`\`json
${JSON.stringify(summary)}
\`\`\`

Again: \`${formatCommand(options)}\`

## Findings

${
  result.findings.length === 0
    ? 'None.'
    : result.findings
        .slice(0, FINDINGS_SHOWN_MAX)
        .map(({ kind, subject, detail }) => `- **${kind}** \`${subject}\` ${detail}`)
        .join('\n')
}
${result.findings.length > FINDINGS_SHOWN_MAX ? `\n… and ${result.findings.length - FINDINGS_SHOWN_MAX} more\n` : ''}
## What Redis holds

${result.inventory.rerun} of ${result.inventory.jobs.length} predictions were begun more than once.
${result.webhooks} webhooks were taken.

| status | predictions |
|---|---|
${table(result.inventory.statuses)}

## What the clients were answered

| answer | attempts |
|---|---|
${table(result.answers)}

## What was done

| settled | planned at | after | action |
|---|---|---|---|
${result.steps
  .map(
    ({ step, atMs, settled }) => `| ${settled} | ${step.at} | ${seconds(atMs)} s | ${describeAction(step)} |`,
  )
  .join('\n')}
${
  result.findings.length === 0
    ? ''
    : `
## Last lines of the logs

${Array.from(logTails, ([name, tail]) => `### ${name}\n\n\`\`\`\n${shorten(tail)}\n\`\`\`\n`).join('\n')}`
}`
