// The files of deploy/monitoring fit together: rules and dashboard use metrics that exist, and each alert has its runbook.
import { REPO_ROOT } from '@menagerie/harness/paths'
import { runProgram, skipWithout } from '@menagerie/harness/programs'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { documentedMetrics } from './documented-metrics.ts'

const MONITORING = join(REPO_ROOT, 'deploy', 'monitoring')
const read = (...path: string[]): string => readFileSync(join(REPO_ROOT, ...path), 'utf8')

const rules = read('deploy', 'monitoring', 'rules', 'menagerie.rules.yml')
const alerts = Array.from(rules.matchAll(/^ +- alert: (\w+)$/gm), ([, name = '']) => name)

const promtool = async (...args: string[]): Promise<void> => {
  const { code, output } = await runProgram('promtool', args)
  assert.equal(code, 0, output)
}
const withPromtool = { skip: skipWithout('promtool') }

test('promtool takes the configuration and the rules', withPromtool, async () => {
  await promtool('check', 'config', join(MONITORING, 'prometheus.yml'))
  await promtool(
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    join(MONITORING, 'rules', 'menagerie.rules.yml'),
  )
})

test('every alert fires when it should, and only then', withPromtool, () =>
  promtool('test', 'rules', join(MONITORING, 'rules', 'menagerie.test.yml')),
)

test('every alert is tested to fire, and not to fire', () => {
  assert.ok(alerts.length >= 10, String(alerts.length))
  const groups = read('deploy', 'monitoring', 'rules', 'menagerie.test.yml').split(/^ {2}- name: /m)
  for (const alert of alerts) {
    const own = groups.filter((group) => group.startsWith(`${alert}\n`)).join('')
    for (const value of [0, 1]) assert.match(own, new RegExp(`value: ${value} `), `${alert}, ${value}`)
  }
})

/** The names of ours in a query, without the suffix that samples of a histogram have. */
const namesIn = (text: string): Set<string> => {
  const histograms = new Set(
    documentedMetrics.flatMap(({ name, type }) => (type === 'histogram' ? [name] : [])),
  )
  const bare = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, '')
  const names = Array.from(text.matchAll(/\bmenagerie_\w+/g), ([name]) => name)
  return new Set(names.map((name) => (histograms.has(bare(name)) ? bare(name) : name)))
}

for (const path of [
  'rules/menagerie.rules.yml',
  'rules/menagerie.test.yml',
  'grafana/dashboards/menagerie.json',
]) {
  test(`${path} uses metrics that are in docs/metrics.md`, () => {
    const documented = new Set(documentedMetrics.map(({ name }) => name))
    const used = namesIn(read('deploy', 'monitoring', path))
    assert.ok(used.size > 10, String(used.size))
    assert.deepEqual(
      [...used].filter((name) => !documented.has(name)),
      [],
    )
  })
}

test('the dashboard shows every metric that is documented', () => {
  const shown = namesIn(read('deploy', 'monitoring', 'grafana', 'dashboards', 'menagerie.json'))
  const missing = documentedMetrics.map(({ name }) => name).filter((name) => !shown.has(name))
  // What workers are and do is shown by what gateways know of them.
  assert.deepEqual(missing, ['menagerie_worker_state', 'menagerie_model_info'])
})

test('every alert has its heading in docs/operations.md, and its runbook_url leads there', () => {
  const headings = new Set(
    Array.from(read('docs', 'operations.md').matchAll(/^### (Menagerie\w+)$/gm), ([, name = '']) => name),
  )
  assert.deepEqual([...headings].toSorted(), alerts.toSorted())
  const links = Array.from(rules.matchAll(/runbook_url: (\S+)$/gm), ([, link = '']) => link)
  assert.deepEqual(
    links,
    alerts.map((alert) => `docs/operations.md#${alert.toLowerCase()}`),
  )
})

test('every alert has a severity, a summary and a description', () => {
  for (const rule of rules.split(/^ +- alert: /m).slice(1)) {
    for (const wanted of [/severity: (?:critical|warning) /, /^ +summary: \S/m, /^ +description: \S/m]) {
      assert.match(rule, wanted)
    }
  }
})

interface Panel {
  id: number
  title: string
  type: string
  gridPos: { h: number; w: number; x: number; y: number }
  datasource?: { uid: string }
  targets?: Array<{ expr: string; refId: string }>
}

test('the dashboard can be provisioned: ids of its own, panels that do not overlap, one data source', () => {
  const { uid, panels } = JSON.parse(
    read('deploy', 'monitoring', 'grafana', 'dashboards', 'menagerie.json'),
  ) as { uid: string; panels: Panel[] }
  assert.equal(uid, 'menagerie')
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  assert.equal(new Set(cells).size, cells.length)
  const source = read('deploy', 'monitoring', 'grafana', 'provisioning', 'datasources', 'prometheus.yml')
  for (const { title, type, datasource, targets = [] } of panels) {
    if (type === 'row') continue
    assert.ok(targets.length > 0, title)
    assert.ok(source.includes(`uid: ${datasource?.uid}\n`), title)
  }
})
