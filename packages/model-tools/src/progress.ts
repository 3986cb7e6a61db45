import cliProgress from 'cli-progress'

const STEP_PERCENT = 10

export interface ProgressDisplay {
  show(progress: { done: number; total: number }): void
  stop(): void
}

/** A bar on a terminal, else a line for each 10 %: a log file has no use for a bar. `format` writes an amount. */
export function createProgressDisplay(
  stream: NodeJS.WriteStream,
  format: (amount: number) => string,
): ProgressDisplay {
  return stream.isTTY ? createBar(stream, format) : createLines(stream, format)
}

function createBar(stream: NodeJS.WriteStream, format: (amount: number) => string): ProgressDisplay {
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{bar} {percentage} % | {amount} of {all} | {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
  })
  let isStarted = false
  return {
    show({ done, total }) {
      const payload = { amount: format(done), all: format(total) }
      // The first call decides where it begins: a resumed download has some bytes already.
      if (isStarted) bar.update(done, payload)
      else bar.start(total, done, payload)
      isStarted = true
    },
    stop() {
      if (isStarted) bar.stop()
    },
  }
}

function createLines(stream: NodeJS.WriteStream, format: (amount: number) => string): ProgressDisplay {
  let shownPercent = 0
  return {
    show({ done, total }) {
      const percent = Math.floor((100 * done) / total / STEP_PERCENT) * STEP_PERCENT
      if (percent <= shownPercent) return
      shownPercent = percent
      stream.write(`${percent} % of ${format(total)}\n`)
    },
    stop: () => undefined,
  }
}

/** `32.7 MB`, in powers of 1000 as download pages count. */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
