import { parseArgs } from 'node:util'

export const FSYNC_POLICIES = ['always', 'everysec'] as const
export type FsyncPolicy = (typeof FSYNC_POLICIES)[number]

export const UPLOAD_STORES = ['redis', 'fs'] as const
export type ChaosUploadStore = (typeof UPLOAD_STORES)[number]

export interface ChaosOptions {
  /** How many predictions are asked for. */
  jobs: number
  /** The schedule, the submissions and the receiver's moods follow from it. */
  seed: number
  /** The least number of processes that get a kill -9. */
  kills: number
  gateways: number
  /** Workers at the start; scaling goes from one to one more than these. */
  workers: number
  appendfsync: FsyncPolicy
  uploadStore: ChaosUploadStore
  /** What is broken on purpose, to show that the proof can fail. */
  broken: 'hand-back' | null
  /** Where the Markdown report goes; null: into a temporary folder. */
  reportPath: string | null
}

const JOBS_DEFAULT = 2000
const JOBS_PER_KILL = 100

const readCount = (name: string, text: string, min: number): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= min) return value
  throw new RangeError(`--${name} is a whole number from ${min} on, not "${text}"`)
}

const readChoice = <T extends string>(name: string, text: string, choices: readonly T[]): T => {
  const found = choices.find((choice) => choice === text)
  if (found !== undefined) return found
  throw new RangeError(`--${name} is ${choices.join(' or ')}, not "${text}"`)
}

/**
 * The options of a run, from its arguments.
 *
 * @throws TypeError for an unknown option, RangeError for a value out of range
 */
export const parseOptions = (args: string[]): ChaosOptions => {
  const { values } = parseArgs({
    args: args.filter((argument) => argument !== '--'),
    options: {
      jobs: { type: 'string', default: String(JOBS_DEFAULT) },
      seed: { type: 'string', default: '1' },
      kills: { type: 'string' },
      gateways: { type: 'string', default: '2' },
      workers: { type: 'string', default: '3' },
      appendfsync: { type: 'string', default: 'always' },
      'upload-store': { type: 'string', default: 'redis' },
      break: { type: 'string' },
      report: { type: 'string' },
    },
  })
  const jobs = readCount('jobs', values.jobs, 1)
  return {
    jobs,
    seed: readCount('seed', values.seed, 0),
    kills: readCount('kills', values.kills ?? String(Math.ceil(jobs / JOBS_PER_KILL)), 0),
    gateways: readCount('gateways', values.gateways, 1),
    workers: readCount('workers', values.workers, 1),
    appendfsync: readChoice('appendfsync', values.appendfsync, FSYNC_POLICIES),
    uploadStore: readChoice('upload-store', values['upload-store'], UPLOAD_STORES),
    broken: values.break === undefined ? null : readChoice('break', values.break, ['hand-back'] as const),
    reportPath: values.report ?? null,
  }
}

/** The command that runs the same schedule again. */
export const formatCommand = (options: ChaosOptions): string => {
  const { jobs, seed, kills, gateways, workers, appendfsync, uploadStore, broken } = options
  const parts = [
    `pnpm chaos --jobs ${jobs} --seed ${seed} --kills ${kills} --gateways ${gateways} --workers ${workers}`,
    ...(appendfsync === 'always' ? [] : [`--appendfsync ${appendfsync}`]),
    ...(uploadStore === 'redis' ? [] : [`--upload-store ${uploadStore}`]),
    ...(broken === null ? [] : [`--break ${broken}`]),
  ]
  return parts.join(' ')
}
