import type { MessageFromChild, MessageToChild } from '../messages.ts'

// A child that dies of case 7, never answers case 13 and has something unexpected to say of case 20. It dies and
// falls silent also for the cases that it has at the same time.
const send = (message: MessageFromChild): void => void process.send?.(message)

const answer = (number: number): void => {
  if (number === 7) process.kill(process.pid, 'SIGSEGV')
  const outcome =
    number === 20 ? ({ kind: 'unexpected', detail: 'odd' } as const) : ({ kind: 'decoded' } as const)
  if (number !== 13) send({ type: 'answer', number, outcome, ms: 1 })
}

process.on('message', (message: MessageToChild) => {
  if (message.type === 'stop') process.disconnect()
  // Not at once: by then several cases are here.
  else setTimeout(answer, 10, message.number)
})
send({ type: 'memory', rssBytes: process.memoryUsage.rss() })
send({ type: 'ready' })
