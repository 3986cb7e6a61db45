import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return null
  }
}

/** `[controllers, path]` of each line of /proc/self/cgroup, e.g. `['cpu,cpuacct', '/docker/abc']`. */
const readOwnCgroups = (root: string): Array<[string, string]> =>
  (readText(join(root, 'proc/self/cgroup')) ?? '')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((parts) => parts.length >= 3)
    .map((parts) => [parts[1] ?? '', parts.slice(2).join(':')])

const divide = (quota: number, period: number): number =>
  quota > 0 && period > 0 ? quota / period : Number.POSITIVE_INFINITY

/** cgroup v2: `cpu.max` is `<quota|max> <period>`. */
const readLimitV2 = (folder: string): number => {
  const [quota, period] = (readText(join(folder, 'cpu.max')) ?? 'max 1').split(/\s+/)
  return divide(Number(quota), Number(period))
}

/** cgroup v1: the quota is -1 where there is none. */
const readLimitV1 = (folder: string): number =>
  divide(
    Number(readText(join(folder, 'cpu.cfs_quota_us')) ?? -1),
    Number(readText(join(folder, 'cpu.cfs_period_us')) ?? 0),
  )

/** A group is bound by the tightest limit on its way up to the root of the mount. */
const readTightestLimit = (mount: string, group: string, readLimit: (folder: string) => number): number => {
  let tightest = readLimit(mount)
  for (let path = group; path !== '/' && path !== '.' && path !== ''; path = dirname(path)) {
    tightest = Math.min(tightest, readLimit(join(mount, path)))
  }
  return tightest
}

/**
 * Whole cores this process may use, at least 1: the affinity mask and the limits of cgroup v1 and v2.
 * Node 20's `availableParallelism()` and onnxruntime's default see no cgroup limit: a container with one core of
 * 64 would start 64 threads.
 *
 * @param root where `/proc` and `/sys` are; another folder in tests
 */
export const readCpuBudget = (root = '/', cores = availableParallelism()): number => {
  const cgroup = join(root, 'sys/fs/cgroup')
  const groups = readOwnCgroups(root)
  const groupV2 = groups.find(([controllers]) => controllers === '')?.[1] ?? '/'
  const groupV1 = groups.find(([controllers]) => controllers.split(',').includes('cpu'))?.[1] ?? '/'
  const limit = Math.min(
    readTightestLimit(cgroup, groupV2, readLimitV2),
    readTightestLimit(join(cgroup, 'unified'), groupV2, readLimitV2),
    readTightestLimit(join(cgroup, 'cpu'), groupV1, readLimitV1),
    readTightestLimit(join(cgroup, 'cpu,cpuacct'), groupV1, readLimitV1),
  )
  return Math.max(1, Math.floor(Math.min(cores, limit)))
}
