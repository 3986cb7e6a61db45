import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readCpuBudget } from './cpu-budget.ts'

const CORES = 64

/** The budget on a machine of 64 cores whose `/proc` and `/sys` have these files. */
const readBudget = async (t: TestContext, files: Record<string, string>): Promise<number> => {
  const root = await mkdtemp(join(tmpdir(), 'menagerie-cgroup-'))
  t.after(() => rm(root, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), `${text}\n`)
  }
  return readCpuBudget(root, CORES)
}

const CGROUP = 'sys/fs/cgroup'
const OWN_V1 = '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc'

const CASES: [what: string, budget: number, files: Record<string, string>][] = [
  ['no files at all', CORES, {}],
  ['v2 without a limit', CORES, { 'proc/self/cgroup': '0::/', [`${CGROUP}/cpu.max`]: 'max 100000' }],
  ['v2 with two cores', 2, { 'proc/self/cgroup': '0::/', [`${CGROUP}/cpu.max`]: '200000 100000' }],
  ['v2 with two and a half cores', 2, { [`${CGROUP}/cpu.max`]: '250000 100000' }],
  ['v2 with another period', 4, { [`${CGROUP}/cpu.max`]: '40000 10000' }],
  ['v2 with half a core', 1, { [`${CGROUP}/cpu.max`]: '50000 100000' }],
  ['v2 with more cores than there are', CORES, { [`${CGROUP}/cpu.max`]: '12800000 100000' }],
  [
    'v2, a group of its own that is bound',
    3,
    { 'proc/self/cgroup': '0::/app/worker', [`${CGROUP}/app/worker/cpu.max`]: '300000 100000' },
  ],
  [
    'v2, a parent that is tighter',
    2,
    {
      'proc/self/cgroup': '0::/app/worker',
      [`${CGROUP}/app/cpu.max`]: '200000 100000',
      [`${CGROUP}/app/worker/cpu.max`]: '800000 100000',
    },
  ],
  [
    'v2, a parent that is looser',
    8,
    {
      'proc/self/cgroup': '0::/app/worker',
      [`${CGROUP}/app/cpu.max`]: '1600000 100000',
      [`${CGROUP}/app/worker/cpu.max`]: '800000 100000',
    },
  ],
  [
    'v2, a sibling that is tighter',
    8,
    {
      'proc/self/cgroup': '0::/app/worker',
      [`${CGROUP}/app/worker/cpu.max`]: '800000 100000',
      [`${CGROUP}/app/other/cpu.max`]: '100000 100000',
    },
  ],
  [
    'v2 in a container whose path is the host’s',
    2,
    { 'proc/self/cgroup': '0::/system.slice/docker-abc.scope', [`${CGROUP}/cpu.max`]: '200000 100000' },
  ],
  [
    'v1 without a limit',
    CORES,
    { [`${CGROUP}/cpu/cpu.cfs_quota_us`]: '-1', [`${CGROUP}/cpu/cpu.cfs_period_us`]: '100000' },
  ],
  [
    'v1 with three cores',
    3,
    { [`${CGROUP}/cpu/cpu.cfs_quota_us`]: '300000', [`${CGROUP}/cpu/cpu.cfs_period_us`]: '100000' },
  ],
  [
    'v1 with a third of a core',
    1,
    { [`${CGROUP}/cpu/cpu.cfs_quota_us`]: '33000', [`${CGROUP}/cpu/cpu.cfs_period_us`]: '100000' },
  ],
  [
    'v1, a group of its own under the joint controller',
    2,
    {
      'proc/self/cgroup': OWN_V1,
      [`${CGROUP}/cpu,cpuacct/docker/abc/cpu.cfs_quota_us`]: '200000',
      [`${CGROUP}/cpu,cpuacct/docker/abc/cpu.cfs_period_us`]: '100000',
    },
  ],
  [
    'both versions mounted, the limit in v1',
    2,
    {
      'proc/self/cgroup': `${OWN_V1}\n0::/docker/abc`,
      [`${CGROUP}/unified/docker/abc/cpu.max`]: 'max 100000',
      [`${CGROUP}/cpu/docker/abc/cpu.cfs_quota_us`]: '200000',
      [`${CGROUP}/cpu/docker/abc/cpu.cfs_period_us`]: '100000',
    },
  ],
  ['a quota without a period', CORES, { [`${CGROUP}/cpu/cpu.cfs_quota_us`]: '200000' }],
  ['files that nobody understands', CORES, { 'proc/self/cgroup': 'nonsense', [`${CGROUP}/cpu.max`]: 'lots' }],
]
test('the budget is the tightest limit that binds this process', async (t) => {
  for (const [what, budget, files] of CASES) assert.equal(await readBudget(t, files), budget, what)
})

test('on this machine it is a whole number of cores, at least one', () => {
  const budget = readCpuBudget()
  assert.ok(Number.isInteger(budget) && budget >= 1, String(budget))
})
