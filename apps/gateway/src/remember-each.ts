/**
 * A reading by name that is made again only when it is older than `forMs`; all who ask meanwhile share it. One that
 * failed is not remembered. Names must be from a list that cannot grow without end.
 */
export const rememberEach = <T>(
  read: (name: string) => Promise<T>,
  { forMs }: { forMs: number },
): ((name: string) => Promise<T>) => {
  const remembered = new Map<string, { readAt: number; value: Promise<T> }>()
  return (name) => {
    const known = remembered.get(name)
    if (known !== undefined && performance.now() - known.readAt < forMs) return known.value
    const reading = { readAt: performance.now(), value: read(name) }
    remembered.set(name, reading)
    reading.value.catch(() => {
      if (remembered.get(name) === reading) remembered.delete(name)
    })
    return reading.value
  }
}
