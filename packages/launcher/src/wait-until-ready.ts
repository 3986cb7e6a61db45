import { setTimeout as sleep } from 'node:timers/promises'
import { readLogTail } from './log-tail.ts'
import type { Service } from './services.ts'

const DEADLINE_MS = 180_000
const DEATHS_MAX = 3

const isReady = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

const waitForService = async (
  service: Service,
  options: { log: (line: string) => void; signal: AbortSignal },
): Promise<void> => {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await isReady(service.readyUrl()))) {
    options.signal.throwIfAborted()
    const isHopeless = service.deaths() >= DEATHS_MAX
    if (isHopeless || performance.now() > deadline) {
      const what = isHopeless
        ? `died ${service.deaths()} times`
        : `is not ready after ${DEADLINE_MS / 1000} s`
      const tail = await readLogTail(service.logPath)
      throw new Error(`${service.name} ${what}. Its last words, from ${service.logPath}:\n${tail}`)
    }
    await sleep(100)
  }
  options.log(`${service.name} is ready`)
}

/** Resolves when each service answers 200 on `/readyz`; rejects when one keeps dying or takes too long. */
export const waitUntilReady = async (
  services: Service[],
  options: { log: (line: string) => void; signal: AbortSignal },
): Promise<void> => {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  try {
    await Promise.all(services.map((service) => waitForService(service, { ...options, signal })))
  } finally {
    failed.abort()
  }
}
