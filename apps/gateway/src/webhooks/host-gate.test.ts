import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createHostGate, type Admission, type HostGate } from './host-gate.ts'

const OPEN_MS = 1000
const TIMEOUT_MS = 15_000

/** A gate whose clock stands still but for `pass`. */
const openGate = (t: TestContext) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  return {
    gate: createHostGate({ openMs: OPEN_MS, timeoutMs: TIMEOUT_MS }),
    pass: (ms: number) => t.mock.timers.tick(ms),
  }
}

const requireAdmission = (admission: Admission) => {
  assert.ok(admission.isAdmitted)
  return admission
}
const requireDenial = (admission: Admission) => {
  assert.ok(!admission.isAdmitted)
  return admission
}
const send = (gate: HostGate, isHostUp: boolean, host = 'dead.example'): void =>
  requireAdmission(gate.admit(host)).settle(isHostUp)
const fail = (gate: HostGate, times = 10): void => {
  for (let i = 0; i < times; i++) send(gate, false)
}

test('ten failures in a row close a host, and no other', (t) => {
  const { gate } = openGate(t)
  fail(gate, 9)
  requireAdmission(gate.admit('dead.example')).settle(false)
  const { isDown, againAt } = requireDenial(gate.admit('dead.example'))
  assert.equal(isDown, true)
  assert.ok(againAt >= Date.now() + OPEN_MS)
  send(gate, true, 'live.example')
})

test('a success in between begins the count anew', (t) => {
  const { gate } = openGate(t)
  fail(gate, 9)
  send(gate, true)
  fail(gate, 9)
  requireAdmission(gate.admit('dead.example'))
})

test('after a while one probe is let through, and nobody with it', (t) => {
  const { gate, pass } = openGate(t)
  fail(gate)
  pass(OPEN_MS)
  const probe = requireAdmission(gate.admit('dead.example'))
  const { isDown, againAt } = requireDenial(gate.admit('dead.example'))
  assert.equal(isDown, true)
  assert.ok(againAt >= Date.now() + TIMEOUT_MS, 'not before the probe is back')
  probe.settle(true)
  send(gate, true)
})

test('a probe that fails doubles the while, up to five minutes; one that succeeds makes it short again', (t) => {
  const { gate, pass } = openGate(t)
  fail(gate)
  let openMs = OPEN_MS
  for (let probes = 0; probes < 12; probes++) {
    pass(openMs - 1)
    requireDenial(gate.admit('dead.example'))
    pass(1)
    send(gate, false)
    openMs = Math.min(openMs * 2, 300_000)
  }
  assert.equal(openMs, 300_000)
  pass(openMs)
  send(gate, true)
  fail(gate)
  pass(OPEN_MS)
  send(gate, true)
})

test('what was under way when the host went down does not put the probe off', (t) => {
  const { gate, pass } = openGate(t)
  const late = Array.from({ length: 12 }, () => requireAdmission(gate.admit('dead.example')))
  for (const { settle } of late.slice(0, 10)) settle(false)
  pass(OPEN_MS - 1)
  for (const { settle } of late.slice(10)) settle(false)
  pass(1)
  requireAdmission(gate.admit('dead.example'))
})

test('a slow host has no more than its share under way, and each that waits gets a turn of its own', (t) => {
  const { gate } = openGate(t)
  const running = Array.from({ length: 20 }, () => requireAdmission(gate.admit('slow.example')))
  const denials = Array.from({ length: 3 }, () => requireDenial(gate.admit('slow.example')))
  assert.ok(denials.every(({ isDown }) => !isDown))
  const turns = denials.map(({ againAt }) => againAt)
  assert.deepEqual(
    turns,
    turns.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(turns).size, 3)
  send(gate, true, 'live.example')
  running[0]?.settle(true)
  send(gate, true, 'slow.example')
})

const HALF = 50
const HOSTS_MAX = 10_000

test('hosts of which nothing good is known hold half of the room all together, by however many names', (t) => {
  const { gate, pass } = openGate(t)
  send(gate, true, 'live.example')
  const running = Array.from({ length: HALF }, (_, i) => requireAdmission(gate.admit(`${i}.dead.example`)))
  const { isDown, againAt } = requireDenial(gate.admit('another.dead.example'))
  assert.equal(isDown, false)
  assert.ok(againAt > Date.now())
  const live = Array.from({ length: 20 }, () => requireAdmission(gate.admit('live.example')))
  live[0]?.settle(false)
  assert.equal(requireDenial(gate.admit('live.example')).isDown, false)
  for (const { settle } of live.slice(1)) settle(true)
  requireAdmission(gate.admit('live.example')).settle(true)

  for (const { settle } of running) settle(false)
  pass(againAt - Date.now())
  requireAdmission(gate.admit('another.dead.example'))
})

test('a flood of names makes it forget neither what is down nor what is up', (t) => {
  const { gate } = openGate(t)
  send(gate, true, 'live.example')
  fail(gate)
  for (let i = 0; i <= HOSTS_MAX; i++) send(gate, false, `${i}.example`)
  assert.equal(requireDenial(gate.admit('dead.example')).isDown, true)
  for (let i = 0; i < HALF; i++) requireAdmission(gate.admit(`unknown-${i}.example`))
  requireAdmission(gate.admit('live.example'))
})

/** Has all of them ask, come back when they are told to, and be served; returns how many were after so long. */
const simulate = (
  { gate, pass }: ReturnType<typeof openGate>,
  { hosts, serviceMs, untilMs }: { hosts: string[]; serviceMs: number; untilMs: number },
): number => {
  const stepMs = 50
  const due = new Map<number, Array<() => void>>()
  const plan = (at: number, act: () => void): void => {
    const step = Math.ceil(at / stepMs)
    const acts = due.get(step)
    if (acts === undefined) due.set(step, [act])
    else acts.push(act)
  }
  let served = 0
  const ask = (host: string): void => {
    const admission = gate.admit(host)
    if (!admission.isAdmitted) {
      plan(admission.againAt, () => ask(host))
      return
    }
    plan(Date.now() + serviceMs, () => {
      admission.settle(true)
      served += 1
    })
  }
  const endsAt = Date.now() + untilMs
  for (const host of hosts) ask(host)
  while (served < hosts.length && Date.now() < endsAt) {
    pass(stepMs)
    for (const act of due.get(Date.now() / stepMs) ?? []) act()
  }
  return served
}

test('a backlog of many minutes is served about as fast as the host can take it', (t) => {
  const hosts = Array.from({ length: 5000 }, () => 'slow.example')
  const serviceMs = 1000
  const idealMs = (hosts.length / 20) * serviceMs
  assert.equal(simulate(openGate(t), { hosts, serviceMs, untilMs: 2 * idealMs }), hosts.length)
})
