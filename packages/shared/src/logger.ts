import { pino, type Logger } from 'pino'

/** A JSON logger whose lines name the process, with secrets cut out. */
export const createLogger = (options: { service: string; level: string }): Logger =>
  pino({
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    // A webhook URL may carry a token of the receiver's in its query.
    redact: { paths: ['req.headers.authorization', 'req.headers.cookie', '*.webhook_secret'], remove: true },
  })
