import { pino, type Logger } from 'pino'

export type LogLine = Record<string, unknown> & { msg: string; level: number }

/** A real logger whose lines are kept. */
export const createLogCollector = (): { log: Logger; lines: LogLine[] } => {
  const lines: LogLine[] = []
  const log = pino({ level: 'trace' }, { write: (text: string) => lines.push(JSON.parse(text)) })
  return { log, lines }
}
