import type { DownloadProgress } from '@menagerie/model-files/fetch-part'
import cliProgress from 'cli-progress'

const STEP_PERCENT = 10

export interface ProgressDisplay {
  show(progress: DownloadProgress): void
  stop(): void
}

/** A bar on a terminal, else a line for each 10 %: a log file has no use for a bar. */
export function createProgressDisplay(stream: NodeJS.WriteStream): ProgressDisplay {
  return stream.isTTY ? createBar(stream) : createLines(stream)
}

function createBar(stream: NodeJS.WriteStream): ProgressDisplay {
  const bar = new cliProgress.SingleBar({
    stream,
    format: '{bar} {percentage} % | {received} of {size} | {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
  })
  let isStarted = false
  return {
    show({ receivedBytes, totalBytes }) {
      const payload = { received: formatBytes(receivedBytes), size: formatBytes(totalBytes) }
      // The first bytes decide where it begins: a resumed download has some already.
      if (isStarted) bar.update(receivedBytes, payload)
      else bar.start(totalBytes, receivedBytes, payload)
      isStarted = true
    },
    stop() {
      if (isStarted) bar.stop()
    },
  }
}

function createLines(stream: NodeJS.WriteStream): ProgressDisplay {
  let shownPercent = 0
  return {
    show({ receivedBytes, totalBytes }) {
      const percent = Math.floor((100 * receivedBytes) / totalBytes / STEP_PERCENT) * STEP_PERCENT
      if (percent <= shownPercent) return
      shownPercent = percent
      stream.write(`${percent} % of ${formatBytes(totalBytes)}\n`)
    },
    stop: () => undefined,
  }
}

/** `32.7 MB`, in powers of 1000 as download pages count. */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
