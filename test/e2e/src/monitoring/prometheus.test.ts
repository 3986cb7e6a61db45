// A real Prometheus with the files of deploy/monitoring reads a real gateway and a real worker, with the operator key.
import { REPO_ROOT } from '@menagerie/harness/paths'
import { readTestPicture } from '@menagerie/harness/pictures'
import { findFreePort, waitUntil } from '@menagerie/harness/processes'
import { skipWithout } from '@menagerie/harness/programs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startService } from '../service.ts'

const OPERATOR_KEY = 'an-operator-key-for-prometheus'
const MONITORING = join(REPO_ROOT, 'deploy', 'monitoring')

/** The file as it is, but for where the targets are, how often they are asked, and where the key lies. */
const adaptConfig = (config: string, targets: Record<string, string>, keyFile: string): string =>
  config
    .replaceAll('15s', '1s')
    .replace('rules/', `${MONITORING}/rules/`)
    .replaceAll(/- \{ names: \[(\w+)\].*\}/g, (_all, name: string) => `- targets: ['${targets[name]}']`)
    .replaceAll('dns_sd_configs', 'static_configs')
    .replace(/# (authorization: \{ credentials_file: )\S+/, `$1${keyFile}`)

const startPrometheus = async (t: TestContext, targets: Record<string, string>): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-prometheus-'))
  const keyFile = join(dir, 'operator-key')
  await writeFile(keyFile, OPERATOR_KEY)
  const config = await readFile(join(MONITORING, 'prometheus.yml'), 'utf8')
  await writeFile(join(dir, 'prometheus.yml'), adaptConfig(config, targets, keyFile))
  const address = `127.0.0.1:${await findFreePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(dir, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGTERM')
    await exited
    await rm(dir, { recursive: true, force: true })
  })
  await waitUntil('prometheus is ready', async () => {
    assert.equal(child.exitCode, null, log)
    return (await fetch(`http://${address}/-/ready`).catch(() => null))?.status === 200
  })
  return `http://${address}`
}

/** `data` of an answer of its API. */
const ask = async <T>(url: string, path: string, query: Record<string, string> = {}): Promise<T> => {
  const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(query).toString()}`)
  const { status, data, error } = (await answer.json()) as { status: string; data: T; error?: string }
  assert.equal(status, 'success', `${JSON.stringify(query)}: ${error}`)
  return data
}

const countSamples = async (url: string, query: string): Promise<number> =>
  (await ask<{ result: unknown[] }>(url, 'query', { query })).result.length

test(
  'Prometheus reaches gateway and worker, loads the rules, and answers what the dashboard asks',
  { skip: skipWithout('prometheus') },
  async (t) => {
    const service = await startService(t, { OPERATOR_KEY, METRICS_ACCESS: 'operator' })
    const worker = await service.startWorker()
    const { id } = await service.submit(new Uint8Array(await readTestPicture()))
    await service.waitForAll([id])
    const targets = { gateway: new URL(service.gateway.url).host, worker: new URL(worker.url).host }
    assert.equal((await fetch(`${service.gateway.url}/metrics`)).status, 401)
    const url = await startPrometheus(t, targets)

    interface Targets {
      activeTargets: Array<{ health: string; labels: { job: string }; lastError: string }>
    }
    await waitUntil('both targets are up', async () => {
      const { activeTargets } = await ask<Targets>(url, 'targets')
      return activeTargets.length === 2 && activeTargets.every(({ health }) => health === 'up')
    })

    interface Rules {
      groups: Array<{ rules: Array<{ name: string; health: string; lastError?: string; state: string }> }>
    }
    const readRules = async () => (await ask<Rules>(url, 'rules')).groups.flatMap(({ rules }) => rules)
    // The first time there may have been no target yet.
    await waitUntil('all rules are evaluated, and none says that anything is wrong', async () =>
      (await readRules()).every(({ health, state }) => health !== 'unknown' && state === 'inactive'),
    )
    const rules = await readRules()
    const source = await readFile(join(MONITORING, 'rules', 'menagerie.rules.yml'), 'utf8')
    assert.equal(rules.length, source.match(/- alert: /g)?.length)
    for (const { name, health, lastError } of rules) assert.equal(health, 'ok', `${name}: ${lastError}`)

    const dashboard = await readFile(join(MONITORING, 'grafana', 'dashboards', 'menagerie.json'), 'utf8')
    const { panels } = JSON.parse(dashboard) as {
      panels: Array<{ title: string; targets?: Array<{ expr: string }> }>
    }
    const queries = panels
      .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
      .map((expr) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$model', '.*'))
    assert.ok(queries.length > 30, String(queries.length))
    for (const query of queries) await countSamples(url, query)
    for (const query of [
      'menagerie_queue_depth',
      'menagerie_total_seconds_bucket',
      'up{job="worker"} == 1',
    ]) {
      await waitUntil(`${query} has samples`, async () => (await countSamples(url, query)) > 0)
    }
  },
)
