export interface Bell {
  ring: (message?: string) => void
  /**
   * Resolves when the bell rings, at once if it has rung since the last time, or after `timeoutMs`; with what was said
   * with the last ring, null when there was none or nothing was said.
   */
  next(timeoutMs: number): Promise<string | null>
}

const createBell = (): Bell => {
  let hasRung = false
  let said: string | null = null
  let wake: () => void = () => undefined
  return {
    ring(message) {
      hasRung = true
      said = message ?? said
      wake()
    },
    async next(timeoutMs) {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      hasRung = false
      const message = said
      said = null
      return message
    },
  }
}

/** Bells by name: whoever waits for something hangs one up, and a ring reaches all under that name. */
export const createBells = () => {
  const bells = new Map<string, Set<Bell>>()
  return {
    hang(name: string): { bell: Bell; remove: () => void } {
      const bell = createBell()
      const others = bells.get(name) ?? new Set()
      bells.set(name, others.add(bell))
      const remove = (): void => {
        others.delete(bell)
        if (others.size === 0 && bells.get(name) === others) bells.delete(name)
      }
      return { bell, remove }
    },
    ring(name: string, message: string): void {
      for (const bell of bells.get(name) ?? []) bell.ring(message)
    },
    ringAll(): void {
      for (const name of bells.keys()) for (const bell of bells.get(name) ?? []) bell.ring()
    },
  }
}
