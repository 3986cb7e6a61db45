import { parseArgs } from 'node:util'
import { startAcceptors, type Accept } from './acceptors.ts'
import { runClosedLoopFor } from './closed-loop.ts'
import { createCpuLedger } from './cpu-ledger.ts'
import { median, round } from './statistics.ts'

// What does it cost to accept a picture? The gateway, and the least that receives, hashes, stores and enqueues, take
// the same forms from the same client, in turns, so that a noisy machine disturbs both alike.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '11' },
    'turn-ms': { type: 'string', default: '1200' },
    'in-flight': { type: 'string', default: '16' },
    'warm-up-ms': { type: 'string', default: '5000' },
  },
})
const rounds = Number(values.rounds)
const turnMs = Number(values['turn-ms'])
const inFlight = Number(values['in-flight'])
const warmUpMs = Number(values['warm-up-ms'])
const RATIO_MIN = 0.7

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const acceptors = await startAcceptors()
const kinds = ['bare', 'gateway', 'gatewayTraced', 'gatewayWithWebhook'] as const
type Kind = (typeof kinds)[number]
const byKind = <T>(make: (kind: Kind) => T): Record<Kind, T> => ({
  bare: make('bare'),
  gateway: make('gateway'),
  gatewayTraced: make('gatewayTraced'),
  gatewayWithWebhook: make('gatewayWithWebhook'),
})

const rates = byKind((): number[] => [])
const replies = byKind((): number[] => [])
const ledgers = byKind(() => createCpuLedger(acceptors.pids))

/** Accepts for a time; notes the rate, what it took of the cores, and how often Redis was asked. */
const takeTurn = async (kind: Kind): Promise<void> => {
  const accept: Accept = acceptors[kind]
  await acceptors.empty()
  const repliesBefore = await acceptors.countRedisReplies()
  let count = 0
  const counted = async (): Promise<void> => {
    await accept()
    count += 1
  }
  const { rate } = await ledgers[kind].note(
    () => count,
    () => runClosedLoopFor(turnMs, inFlight, counted),
  )
  rates[kind].push(rate)
  replies[kind].push(((await acceptors.countRedisReplies()) - repliesBefore) / count)
}

const ratiosTo = (kind: Kind): number[] => rates[kind].map((rate, i) => rate / (rates.bare[i] ?? Number.NaN))

try {
  log(`forms of 110 kB, ${inFlight} in flight, ${turnMs} ms per turn; warming up`)
  for (const kind of kinds) {
    for (let ms = 0; ms < warmUpMs; ms += turnMs) {
      await acceptors.empty()
      await runClosedLoopFor(turnMs, inFlight, acceptors[kind])
    }
  }
  for (let i = 1; i <= rounds; i++) {
    // Every other round the other way round: a machine that slows down steadily favours nobody.
    for (const kind of i % 2 === 1 ? kinds : kinds.toReversed()) await takeTurn(kind)
    const [bare, gateway, traced, webhook] = kinds.map((kind) => (rates[kind].at(-1) ?? 0).toFixed(0))
    log(
      `round ${i}/${rounds}: bare ${bare}/s, gateway ${gateway}/s, traced ${traced}/s, with a webhook ${webhook}/s, ratio ${(ratiosTo('gateway').at(-1) ?? 0).toFixed(3)}`,
    )
  }
  const ratios = ratiosTo('gateway')
  const ratio = round(median(ratios), 3)
  console.log(
    JSON.stringify({
      bench: 'gateway',
      ratio,
      ratio_min: round(Math.min(...ratios), 3),
      ratio_max: round(Math.max(...ratios), 3),
      accepted_per_s: round(median(rates.gateway), 0),
      bare_per_s: round(median(rates.bare), 0),
      traced_to_untraced: round(
        median(rates.gatewayTraced.map((rate, i) => rate / (rates.gateway[i] ?? Number.NaN))),
        3,
      ),
      webhook_ratio: round(median(ratiosTo('gatewayWithWebhook')), 3),
      webhook_accepted_per_s: round(median(rates.gatewayWithWebhook), 0),
      redis_replies: byKind((kind) => round(median(replies[kind]), 2)),
      cpu_ms: byKind((kind) => ledgers[kind].perImage()),
    }),
  )
  process.exitCode = ratio >= RATIO_MIN ? 0 : 1
} finally {
  await acceptors.stop()
}
