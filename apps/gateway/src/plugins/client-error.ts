import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import { createProblem } from '@menagerie/contract/problem'
import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

const CODES: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const DETAILS: Partial<Record<ErrorCode, string>> = {
  headers_too_large: 'the URL and the headers together are too long; long options go into form fields',
  request_timeout: 'the request did not arrive in time',
}

/** Answers what Node could not read as a request: there is no route and no reply object then, only the socket. */
export const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
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
