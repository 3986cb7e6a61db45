/**
 * Loaded into a process before its own code (`--import`): at each SIGWINCH, which means nothing to a service, it writes
 * the 99th percentile of its main thread's event-loop delay since the last one, in ms, as a line into LOOP_DELAY_FILE,
 * and starts anew.
 */
import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const RESOLUTION_MS = 20
const file = process.env['LOOP_DELAY_FILE']

if (isMainThread && file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  process.on('SIGWINCH', () => {
    // What is recorded is the time between two ticks of a timer, so a loop without delay shows the resolution.
    const delayMs = Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS)
    histogram.reset()
    appendFileSync(file, `${delayMs}\n`)
  })
}
