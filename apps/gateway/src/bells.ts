export interface Bell<T> {
  ring: (said?: T) => void
  /**
   * Resolves when the bell rings, at once if it has rung since the last time, or after `timeoutMs`; with what was said
   * with the last ring, null when there was none or nothing was said.
   */
  next(timeoutMs: number): Promise<T | null>
}

const createBell = <T>(): Bell<T> => {
  let hasRung = false
  let said: T | null = null
  let wake: () => void = () => undefined
  return {
    ring(words) {
      hasRung = true
      said = words ?? said
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
      const words = said
      said = null
      return words
    },
  }
}

/** Bells by name: whoever waits for something hangs one up, and a ring reaches all under that name. */
export const createBells = <T>() => {
  const bells = new Map<string, Set<Bell<T>>>()
  return {
    hang(name: string): { bell: Bell<T>; remove: () => void } {
      const bell = createBell<T>()
      const others = bells.get(name) ?? new Set()
      bells.set(name, others.add(bell))
      const remove = (): void => {
        others.delete(bell)
        if (others.size === 0 && bells.get(name) === others) bells.delete(name)
      }
      return { bell, remove }
    },
    ring(name: string, said: T): void {
      for (const bell of bells.get(name) ?? []) bell.ring(said)
    },
    ringAll(): void {
      for (const name of bells.keys()) for (const bell of bells.get(name) ?? []) bell.ring()
    },
  }
}
