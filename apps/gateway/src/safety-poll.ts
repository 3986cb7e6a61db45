type Look<T> = (read: T) => void

interface Watched<T> {
  /** At which of the turns it is looked at. */
  turn: number
  isRead: boolean
  lookers: Set<Look<T>>
}

/** After this long at the latest everything has been looked at again. */
const ROUND_MS = 2000
const TURNS = 8

/**
 * Reads again and again what somebody watches, whether anything was announced or not. One timer for all, and nothing that
 * outlives a look: a timer and a promise for each of 5,000 who wait would be old garbage every two seconds. An eighth at a
 * time, and those together.
 */
export const createSafetyPoll = <T>(read: (id: string) => Promise<T>) => {
  const watched = new Map<string, Watched<T>>()
  let turn = 0
  let timer: NodeJS.Timeout | null = null

  const look = async (id: string, entry: Watched<T>): Promise<void> => {
    entry.isRead = true
    try {
      const found = await read(id)
      for (const show of entry.lookers) show(found)
    } catch {
      // Redis may be away for a while: the next look makes up for it.
    } finally {
      entry.isRead = false
    }
  }

  const takeTurn = (): void => {
    turn = (turn + 1) % TURNS
    for (const [id, entry] of watched) if (entry.turn === turn && !entry.isRead) void look(id, entry)
  }

  const stopIfIdle = (): void => {
    if (watched.size > 0 || timer === null) return
    clearInterval(timer)
    timer = null
  }

  return {
    /** Shows `show` every reading from now on; returns what ends that. */
    watch(id: string, show: Look<T>): () => void {
      const entry: Watched<T> = watched.get(id) ?? {
        turn: watched.size % TURNS,
        isRead: false,
        lookers: new Set(),
      }
      watched.set(id, entry)
      entry.lookers.add(show)
      timer ??= setInterval(takeTurn, ROUND_MS / TURNS)
      return () => {
        entry.lookers.delete(show)
        if (entry.lookers.size === 0 && watched.get(id) === entry) watched.delete(id)
        stopIfIdle()
      }
    },
  }
}
