import type { Tally } from './tally.ts'

const MB = 1e6
// The worst pictures that are accepted need 16 bytes per pixel, and have 50 million.
const DECODE_MB = 16 * 50
// What is left after the last case: some of it JavaScript's garbage, some the allocator's. 45 to 60 MB were seen after
// 10,000 cases per child, 97 MB after 30,000; a decode path that lost its 150 kB of pixels in one case of ten left
// 135 MB after 10,000.
const END_MB = 80
const END_MB_PER_CASE = 0.002

export interface Report {
  bench: 'fuzz_images'
  cases: number
  decoded: number
  refused: Record<string, number>
  unexpected: number
  crashes: number
  hangs: number
  slowest_ms: number
  slowest_case: number
  rss_start_mb: number
  rss_max_mb: number
  rss_max_allowed_mb: number
  rss_end_mb: number
  rss_end_allowed_mb: number
  seed: number
  seconds: number
}

export const makeReport = (
  tally: Tally,
  run: { seed: number; cases: number; children: number; inFlightMax: number; seconds: number },
): Report => {
  const start = tally.rssBytes.start / MB
  return {
    bench: 'fuzz_images',
    cases: run.cases,
    decoded: tally.decoded,
    refused: tally.refused,
    unexpected: tally.unexpected,
    crashes: tally.crashes,
    hangs: tally.hangs,
    slowest_ms: Math.round(tally.slowest.ms),
    slowest_case: tally.slowest.number,
    rss_start_mb: Math.round(start),
    rss_max_mb: Math.round(tally.rssBytes.max / MB),
    rss_max_allowed_mb: Math.round(start + run.inFlightMax * DECODE_MB),
    rss_end_mb: Math.round(tally.rssBytes.end / MB),
    rss_end_allowed_mb: Math.round(start + END_MB + (END_MB_PER_CASE * run.cases) / run.children),
    seed: run.seed,
    seconds: Math.round(run.seconds),
  }
}

/** No finding, and the memory within its bounds. */
export const isGood = (report: Report): boolean =>
  report.unexpected + report.crashes + report.hangs === 0 &&
  report.rss_max_mb <= report.rss_max_allowed_mb &&
  report.rss_end_mb <= report.rss_end_allowed_mb
