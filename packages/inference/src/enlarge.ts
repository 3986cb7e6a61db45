/** Which source pixels a stretch of enlarged pixels is made of, along one axis. */
export interface EnlargePlan {
  /** First source pixel that is needed, and how many. */
  start: number
  length: number
  /** For each enlarged pixel: the two source pixels, counted from `start`, and the weight of the second. */
  taps: { first: number; second: number; weight: number }[]
}

const CHANNELS = 3
// Pillow's fixed point: 32 bits, less 8 for the byte and 2 to spare, so that no sum leaves the integers.
const WEIGHT_BITS = 22
const ONE = 2 ** WEIGHT_BITS

/**
 * Enlarged pixels `from` to `from + count` of a line of `sourceSize` pixels that becomes `targetSize`, bilinear:
 * sampled between pixel centres, and beyond the border its pixel repeats, as in Pillow and torchvision.
 */
export const planEnlarge = (
  sourceSize: number,
  targetSize: number,
  from: number,
  count: number,
): EnlargePlan => {
  const clamp = (position: number): number => Math.min(Math.max(position, 0), sourceSize - 1)
  const taps = Array.from({ length: count }, (_, i) => {
    const position = ((from + i + 0.5) * sourceSize) / targetSize - 0.5
    const floor = Math.floor(position)
    const weight = Math.round((position - floor) * ONE)
    return { first: clamp(floor), second: clamp(floor + 1), weight }
  })
  const start = taps[0]?.first ?? 0
  return {
    start,
    length: (taps.at(-1)?.second ?? 0) + 1 - start,
    taps: taps.map(({ first, second, weight }) => ({ first: first - start, second: second - start, weight })),
  }
}

const mix = (a: number, b: number, weight: number): number =>
  (a * ONE + (b - a) * weight + ONE / 2) >> WEIGHT_BITS

const enlargeRows = (source: Uint8Array, { length, taps }: EnlargePlan, rows: number): Uint8Array => {
  const enlarged = new Uint8Array(rows * taps.length * CHANNELS)
  let at = 0
  for (let row = 0; row < rows; row++) {
    for (const { first, second, weight } of taps) {
      for (let channel = 0; channel < CHANNELS; channel++) {
        const a = source[(row * length + first) * CHANNELS + channel] ?? 0
        const b = source[(row * length + second) * CHANNELS + channel] ?? 0
        enlarged[at++] = mix(a, b, weight)
      }
    }
  }
  return enlarged
}

const enlargeColumns = (source: Uint8Array, { taps }: EnlargePlan, rowBytes: number): Uint8Array => {
  const enlarged = new Uint8Array(taps.length * rowBytes)
  let at = 0
  for (const { first, second, weight } of taps) {
    for (let i = 0; i < rowBytes; i++) {
      enlarged[at++] = mix(source[first * rowBytes + i] ?? 0, source[second * rowBytes + i] ?? 0, weight)
    }
  }
  return enlarged
}

/**
 * Bilinear enlargement, rounded to bytes between the two passes as Pillow does. Not sharp's: its resize shifts by
 * half a pixel when it enlarges, and its affine map fades into the background at the border.
 *
 * @param source `rows.length × columns.length` RGB pixels
 * @returns one pixel for each pair of taps
 */
export const enlarge = (source: Uint8Array, columns: EnlargePlan, rows: EnlargePlan): Uint8Array =>
  enlargeColumns(enlargeRows(source, columns, rows.length), rows, columns.taps.length * CHANNELS)
