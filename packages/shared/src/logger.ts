import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino'

/**
 * What of an error goes into the log. Only this: a Redis client hangs the command that failed on its error, and with it
 * pictures, webhook URLs and whatever else was sent; an HTTP client hangs on requests with their headers.
 */
const serializeError = (thrown: unknown): unknown => {
  if (!(thrown instanceof Error)) return thrown
  const { type, message, stack } = stdSerializers.err(thrown)
  const { code } = thrown as NodeJS.ErrnoException
  return { type, message, stack, ...(code === undefined ? {} : { code }) }
}

/**
 * A JSON logger whose lines name the process, with secrets cut out; to stdout unless told otherwise. Lines are written in
 * the background; with `isSync` before the call returns, for the last words of a process that kills itself.
 */
export const createLogger = (
  options: { service: string; level: string; isSync?: boolean },
  destination?: DestinationStream,
): Logger =>
  pino(
    {
      level: options.level,
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: serializeError },
      // A webhook URL may carry a token of the receiver's in its query.
      redact: {
        paths: ['req.headers.authorization', 'req.headers.cookie', '*.webhook_secret'],
        remove: true,
      },
    },
    destination ?? (options.isSync === true ? pino.destination({ sync: true }) : undefined),
  )
