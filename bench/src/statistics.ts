/** The value below which `share` of the values lie (nearest rank); NaN of nothing. */
export const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)] ?? Number.NaN

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits))

/**
 * 95 % interval of a share that was seen `hits` times of `count` (Wilson, 1927), as it also holds for few cases and for
 * shares near 0 and 1; `[0, 1]` of nothing.
 */
export const wilsonInterval = (hits: number, count: number): [low: number, high: number] => {
  if (count === 0) return [0, 1]
  const z = 1.959964
  const share = hits / count
  const scale = 1 + z ** 2 / count
  const middle = (share + z ** 2 / (2 * count)) / scale
  const reach = (z / scale) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2))
  return [Math.max(0, middle - reach), Math.min(1, middle + reach)]
}
