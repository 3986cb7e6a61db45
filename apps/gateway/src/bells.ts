export interface Bell {
  ring: () => void
  /** Resolves when the bell rings, at once if it has rung since the last time, or after `timeoutMs`. */
  next(timeoutMs: number): Promise<void>
}

const createBell = (): Bell => {
  let hasRung = false
  let wake: () => void = () => undefined
  return {
    ring() {
      hasRung = true
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
    ring(name: string): void {
      for (const bell of bells.get(name) ?? []) bell.ring()
    },
    ringAll(): void {
      for (const name of bells.keys()) for (const bell of bells.get(name) ?? []) bell.ring()
    },
  }
}
