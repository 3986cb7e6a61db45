import type { DownloadProgress } from './fetch-part.ts'

/** Writes one line for each tenth of a download: a log has no use for a bar. */
export const createProgressLog = (
  name: string,
  log: (line: string) => void,
): ((progress: DownloadProgress) => void) => {
  let loggedTenths = 0
  return ({ receivedBytes, totalBytes }) => {
    const tenths = Math.floor((10 * receivedBytes) / totalBytes)
    if (tenths <= loggedTenths) return
    loggedTenths = tenths
    log(`Downloading ${name}: ${tenths * 10} % of ${(totalBytes / 1e6).toFixed(1)} MB`)
  }
}
