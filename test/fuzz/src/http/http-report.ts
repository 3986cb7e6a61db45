import type { LogAudit } from './audit-log.ts'
import type { ProcessUse } from './process-use.ts'
import type { HttpTally } from './run-http-cases.ts'

const MB = 1e6
// What V8 lets grow before it collects garbage; the same requests over and over stay below.
const RSS_MAX_MB = 250
const RSS_END_MB = 150

export interface HttpReport {
  bench: 'fuzz-http'
  cases: number
  crashes: number
  unexpected_5xx: number
  unexpected: number
  hangs: number
  /** Good requests in between that were answered as ever. */
  good_requests: number
  answered: Record<string, number>
  log_lines: number
  log_errors: number
  forged_log_lines: number
  leaking_log_lines: number
  smuggled: number
  uploads_left: number
  jobs_left: number
  exit_code: number | null
  sockets_left: number | null
  rss_start_mb: number | null
  rss_max_mb: number | null
  rss_end_mb: number | null
  slowest_case: number
  slowest_ms: number
  seed: number
  seconds: number
}

export interface HttpRun {
  tally: HttpTally
  audit: LogAudit
  smuggled: number
  stored: { uploads: number; jobs: number }
  exitCode: number | null
  use: { start: ProcessUse | null; rssBytesMax: number; end: ProcessUse | null }
  cases: number
  seed: number
  seconds: number
}

const toMb = (use: ProcessUse | null): number | null => (use === null ? null : Math.round(use.rssBytes / MB))

export const makeHttpReport = ({ tally, audit, use, ...run }: HttpRun): HttpReport => ({
  bench: 'fuzz-http',
  cases: run.cases,
  crashes: tally.findings.crash,
  unexpected_5xx: tally.findings.unexpected_5xx,
  unexpected: tally.findings.unexpected,
  hangs: tally.findings.hang,
  good_requests: tally.good,
  answered: tally.answered,
  log_lines: audit.lines,
  log_errors: audit.errors.length,
  forged_log_lines: audit.forged.length,
  leaking_log_lines: audit.leaking.length,
  smuggled: run.smuggled,
  uploads_left: run.stored.uploads,
  jobs_left: run.stored.jobs,
  exit_code: run.exitCode,
  sockets_left:
    use.start === null || use.end === null ? null : Math.max(0, use.end.handles - use.start.handles),
  rss_start_mb: toMb(use.start),
  rss_max_mb: use.start === null ? null : Math.round(use.rssBytesMax / MB),
  rss_end_mb: toMb(use.end),
  slowest_case: tally.slowest.number,
  slowest_ms: Math.round(tally.slowest.ms),
  seed: run.seed,
  seconds: Math.round(run.seconds),
})

/** Nothing found, nothing left, nothing grown. */
export const isGoodReport = (report: HttpReport): boolean => {
  const counts = [
    report.crashes,
    report.unexpected_5xx,
    report.unexpected,
    report.hangs,
    report.log_errors,
    report.forged_log_lines,
    report.leaking_log_lines,
    report.smuggled,
    report.uploads_left,
    report.jobs_left,
    report.exit_code,
    report.sockets_left ?? 0,
  ]
  const start = report.rss_start_mb ?? 0
  return (
    counts.every((count) => count === 0) &&
    report.good_requests > 0 &&
    (report.rss_max_mb ?? 0) <= start + RSS_MAX_MB &&
    (report.rss_end_mb ?? 0) <= start + RSS_END_MB
  )
}
