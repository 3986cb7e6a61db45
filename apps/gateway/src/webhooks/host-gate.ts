/** Whether a webhook may be sent now; if not, when to ask again, epoch ms. */
export type Admission =
  | { isAdmitted: true; settle: (isHostUp: boolean) => void }
  | { isAdmitted: false; isDown: boolean; againAt: number }

export interface HostGate {
  /** Each admission must be settled. */
  admit(host: string): Admission
}

interface Host {
  running: number
  /** Whether the last that was sent to it found it up. */
  isProven: boolean
  /** One after the other, without a success between them. */
  failures: number
  openUntil: number
  openMs: number
  /** Moving average. */
  serviceMs: number
  /** When the next one that has to wait is expected to find room. */
  nextTurnAt: number
}

const FAILURES_MAX = 10
const RUNNING_MAX = 20
// Half of what is sent at the same time.
const UNPROVEN_RUNNING_MAX = 50
const CROWDED_MS = 1000
const OPEN_MAX_MS = 5 * 60_000
// So that not all come back in one moment.
const OPEN_SPREAD = 0.2
const TURN_MIN_MS = 1000
const TURN_MAX_MS = 60_000
const SERVICE_GUESS_MS = 1000
const SERVICE_WEIGHT = 0.2
const HOSTS_MAX = 10_000

const isOpen = ({ failures }: Host): boolean => failures >= FAILURES_MAX

// What has told least goes first, so that many names that are asked for once push out each other.
const EXPENDABLE: ReadonlyArray<(host: Host) => boolean> = [
  (host) => !host.isProven && !isOpen(host),
  (host) => !isOpen(host),
  () => true,
]

/**
 * Keeps one receiver from holding up all others: a circuit breaker and a bound on concurrent deliveries, for each host,
 * known to this process alone.
 *
 * After ten failures in a row a host counts as down. Nothing is sent to it for a while, then one webhook as a probe;
 * its success lets all through, its failure doubles the while. Whoever finds a slow host busy is told when its turn may
 * be, at the rate at which the host has been taking them, so that those in a long line ask about once a minute, not once
 * a second. All hosts that are new, or failed the last time, together have half of the room, however many names they go by.
 *
 * @param openMs how long a host that has just gone down is left alone
 * @param timeoutMs how long a delivery takes at the most
 */
export const createHostGate = (options: { openMs: number; timeoutMs: number }): HostGate => {
  const hosts = new Map<string, Host>()
  let unprovenRunning = 0

  const forgetOneIdle = (): void => {
    for (const isExpendable of EXPENDABLE) {
      for (const [name, host] of hosts) {
        if (host.running === 0 && isExpendable(host)) {
          hosts.delete(name)
          return
        }
      }
    }
  }

  const find = (name: string): Host => {
    const known = hosts.get(name)
    if (known !== undefined) return known
    if (hosts.size >= HOSTS_MAX) forgetOneIdle()
    const host: Host = {
      running: 0,
      isProven: false,
      failures: 0,
      openUntil: 0,
      openMs: options.openMs,
      serviceMs: SERVICE_GUESS_MS,
      nextTurnAt: 0,
    }
    hosts.set(name, host)
    return host
  }

  const noteUp = (host: Host): void => {
    host.failures = 0
    host.openMs = options.openMs
  }

  const noteDown = (host: Host, isProbe: boolean, now: number): void => {
    const wasOpen = isOpen(host)
    host.failures += 1
    // What was on its way when it went down says nothing new.
    if (!isOpen(host) || (wasOpen && !isProbe)) return
    if (isProbe) host.openMs = Math.min(host.openMs * 2, OPEN_MAX_MS)
    host.openUntil = now + host.openMs
  }

  const change = (host: Host, { running, isProven }: Pick<Host, 'running' | 'isProven'>): void => {
    if (!host.isProven) unprovenRunning -= host.running
    host.running = running
    host.isProven = isProven
    if (!isProven) unprovenRunning += running
  }

  const start = (host: Host): Admission => {
    const isProbe = isOpen(host)
    const startedAt = Date.now()
    change(host, { running: host.running + 1, isProven: host.isProven })
    // Before the probe is back it is no use to ask.
    if (isProbe) host.openUntil = startedAt + options.timeoutMs
    return {
      isAdmitted: true,
      settle: (isHostUp) => {
        const now = Date.now()
        change(host, { running: host.running - 1, isProven: isHostUp })
        host.serviceMs += (now - startedAt - host.serviceMs) * SERVICE_WEIGHT
        if (isHostUp) noteUp(host)
        else noteDown(host, isProbe, now)
      },
    }
  }

  const putOffDown = (host: Host, now: number): Admission => {
    const reopensAt = Math.max(host.openUntil, now + host.openMs * OPEN_SPREAD)
    return { isAdmitted: false, isDown: true, againAt: reopensAt + Math.random() * host.openMs * OPEN_SPREAD }
  }

  const putOffBusy = (host: Host, now: number): Admission => {
    const turn = Math.max(now + TURN_MIN_MS, host.nextTurnAt)
    // Booked that far ahead, it would come back before its turn and book another: the bookings would run away.
    if (turn > now + TURN_MAX_MS) {
      return { isAdmitted: false, isDown: false, againAt: now + TURN_MAX_MS * (0.5 + Math.random() / 2) }
    }
    host.nextTurnAt = turn + host.serviceMs / RUNNING_MAX
    return { isAdmitted: false, isDown: false, againAt: turn }
  }

  const putOffCrowded = (now: number): Admission => ({
    isAdmitted: false,
    isDown: false,
    againAt: now + CROWDED_MS * (1 + Math.random()),
  })

  return {
    admit(name) {
      const host = find(name)
      const now = Date.now()
      const isProbing = host.running > 0
      if (isOpen(host) && (now < host.openUntil || isProbing)) return putOffDown(host, now)
      if (host.running >= RUNNING_MAX) return putOffBusy(host, now)
      if (!host.isProven && unprovenRunning >= UNPROVEN_RUNNING_MAX) return putOffCrowded(now)
      return start(host)
    },
  }
}
