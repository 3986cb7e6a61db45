import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { createProblem } from '@menagerie/contract/problem'
import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const DETAILS: Partial<Record<ErrorCode, string>> = {
  headers_too_large: 'the URL and the headers together are too long; long options go into form fields',
  request_timeout: 'the request did not arrive in time',
}

const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = CODES[error.code ?? ''] ?? 'request_invalid'
  const { status } = ERRORS[code]
  const problem = createProblem(code, DETAILS[code] ?? 'this is not a valid HTTP request', randomUUID())
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/**
 * Tells a response whose turn on its connection has not come that there will be none; Node tells only the one whose turn it
 * is when a connection ends.
 */
const leave = (response: ServerResponse): void => {
  if (response.socket === null) response.emit('close')
}

/**
 * Answers what Node could not read as a request: there is no route and no reply object then, only the socket. What came
 * whole before it over the same connection gets its own answers first: a client that is told 400 in place of its 202
 * would not know of a prediction that it has made.
 */
export const createClientErrors = () => {
  const pending = new WeakMap<Socket, Set<ServerResponse>>()
  const broken = new WeakSet<Socket>()

  /** Those in line would wait without end for a connection that has ended, and hold what is held for them. */
  const trackSocket = (socket: Socket): Set<ServerResponse> => {
    const responses = new Set<ServerResponse>()
    pending.set(socket, responses)
    socket.once('close', () => {
      for (const response of responses) leave(response)
    })
    return responses
  }

  /** Notes that a request has come which is to be answered. */
  const track = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    const responses = pending.get(socket) ?? trackSocket(socket)
    responses.add(response)
    response.once('close', () => responses.delete(response))
  }

  const answer = (error: NodeJS.ErrnoException, socket: Socket): void => {
    // Whatever comes after it cannot be read either.
    if (broken.has(socket)) return
    broken.add(socket)
    const responses = [...(pending.get(socket) ?? [])]
    // The rest of these will not come.
    for (const response of responses) if (!response.req.complete) leave(response)
    const earlier = new Set(responses.filter(({ req }) => req.complete))
    if (earlier.size === 0) refuse(error, socket)
    for (const response of earlier) {
      response.once('close', () => {
        earlier.delete(response)
        if (earlier.size === 0) refuse(error, socket)
      })
    }
  }

  return { track, answer }
}
