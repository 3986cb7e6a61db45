import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HttpCase } from './http-case.ts'
import { parseAnswers } from './parse-answers.ts'

export interface Exchange {
  /** What the server sent, a character for each byte. */
  text: string
  /** How it ended; `hang`: not at all. */
  end: 'closed' | 'reset' | 'hang' | 'refused'
}

const isWhole = (text: string): boolean => {
  try {
    return parseAnswers(text).answers.some(({ status }) => status >= 200)
  } catch {
    return true
  }
}

const send = async (socket: Socket, { steps }: HttpCase): Promise<void> => {
  for (const step of steps) {
    if (socket.destroyed || !socket.writable) return
    if ('pauseMs' in step) await sleep(step.pauseMs)
    else if (!socket.write(step.send)) {
      // The server may have closed, and then nothing drains any more.
      await Promise.race([once(socket, 'drain'), once(socket, 'close')])
    }
  }
}

const leave = (socket: Socket, { ending }: HttpCase): void => {
  if (ending === 'half-close') socket.end()
  else if (ending === 'close') socket.end(() => socket.destroy())
  else if (ending === 'reset') socket.resetAndDestroy()
}

/** Sends a case to a server, and takes what it answers until the connection has ended. */
export const exchange = async (
  port: number,
  httpCase: HttpCase,
  hangTimeoutMs: number,
): Promise<Exchange> => {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  let text = ''
  let end: Exchange['end'] = 'closed'
  let isConnected = false
  socket.setEncoding('latin1')
  socket.on('connect', () => (isConnected = true))
  socket.on('data', (chunk: string) => {
    text += chunk
    if (httpCase.ending === 'wait' && isWhole(text)) socket.end()
  })
  // The server has closed its side: there is nobody left to send to.
  socket.on('end', () => socket.destroy())
  socket.on('error', () => (end = isConnected ? 'reset' : 'refused'))
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const timer = setTimeout(() => {
    end = 'hang'
    socket.destroy()
  }, hangTimeoutMs)
  try {
    await send(socket, httpCase)
    leave(socket, httpCase)
    await closed
  } catch {
    // Waiting for the connection to drain fails with the connection; `end` says how.
    socket.destroy()
    await closed
  } finally {
    clearTimeout(timer)
  }
  return { text, end }
}
