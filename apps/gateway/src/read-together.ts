type ReadMany<T> = (ids: string[]) => Promise<T[]>

interface Batch<T> {
  ids: string[]
  read: Promise<T[]>
}

/**
 * Collects what is asked for in one turn of the event loop, and reads it together: thousands who wait look at the same
 * moment. Nobody gets what was read before he asked; who asks for the same shares one reading.
 *
 * @param readMany readings in the order of the ids
 */
export const createReadTogether = <T>(readMany: ReadMany<T>, options: { idsMax: number }) => {
  let open: Batch<T> | null = null
  let places = new Map<string, { batch: Batch<T>; index: number }>()

  const openBatch = (): Batch<T> => {
    const ids: string[] = []
    const turnEnds = new Promise<void>((resolve) => setImmediate(resolve))
    const read = turnEnds.then(() => {
      open = null
      places = new Map()
      return readMany(ids)
    })
    return { ids, read }
  }

  const findPlace = (id: string): { batch: Batch<T>; index: number } => {
    const known = places.get(id)
    if (known !== undefined) return known
    if (open === null || open.ids.length === options.idsMax) open = openBatch()
    const place = { batch: open, index: open.ids.push(id) - 1 }
    places.set(id, place)
    return place
  }

  return async (id: string): Promise<T> => {
    const { batch, index } = findPlace(id)
    return (await batch.read)[index] as T
  }
}
