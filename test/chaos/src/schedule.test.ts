import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL, planSchedule, REDIS, type Step } from './schedule.ts'

const plan = { jobs: 10_000, seed: 1, kills: 50, gateways: 2, workers: 3 }

const countKind = (steps: Step[], kind: Step['kind']): number =>
  steps.filter((step) => step.kind === kind).length

test('a seed gives the same schedule every time, and another seed another one', () => {
  assert.deepEqual(planSchedule(plan), planSchedule(plan))
  assert.notDeepEqual(planSchedule(plan), planSchedule({ ...plan, seed: 2 }))
})

test('a schedule has the kills that were asked for, of workers, gateways and Redis, and every other fault', () => {
  for (const kills of [4, 12, 50]) {
    const steps = planSchedule({ ...plan, kills })
    const killed = steps.filter(({ kind }) => kind === 'kill').map(({ target }) => target)
    assert.equal(killed.length, kills)
    assert.ok(killed.includes(REDIS))
    for (const app of ['worker-', 'gateway-']) assert.ok(killed.some((target) => target.startsWith(app)))
    for (const kind of ['stall', 'restart', 'cut', 'fill', 'scale-up'] as const) {
      assert.ok(countKind(steps, kind) > 0, kind)
    }
  }
})

test('steps come in the order of progress, and the last one before the last submission', () => {
  for (const jobs of [30, 300, 10_000]) {
    const steps = planSchedule({ ...plan, jobs })
    assert.deepEqual(
      steps.map(({ at }) => at),
      steps.map(({ at }) => at).toSorted((a, b) => a - b),
    )
    assert.ok((steps.at(-1)?.at ?? 0) < jobs)
  }
})

test('whatever is acted on is up at that time, and one worker always is', () => {
  for (let seed = 0; seed < 50; seed++) {
    const up = new Set(['worker-0', 'worker-1', 'worker-2', 'gateway-0', 'gateway-1', REDIS, ALL])
    for (const { kind, target } of planSchedule({ ...plan, seed })) {
      assert.equal(up.has(target), kind !== 'scale-up', `seed ${seed}: ${kind} ${target}`)
      if (kind === 'scale-up') up.add(target)
      if (kind === 'scale-down') up.delete(target)
      assert.ok([...up].some((name) => name.startsWith('worker-')))
    }
  }
})
