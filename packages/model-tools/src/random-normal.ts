/**
 * Fills an array with normal deviates of mean 0. The same seed gives the same numbers: mulberry32 for the uniform
 * ones, Box and Muller's transform for the normal ones, two at a time.
 */
export function createNormalSource(seed: number): (values: Float32Array, deviation: number) => void {
  const uniform = createUniformSource(seed)
  return (values, deviation) => {
    for (let index = 0; index < values.length; index += 2) {
      // 1 − u lies in (0, 1]: its logarithm is finite.
      const radius = deviation * Math.sqrt(-2 * Math.log(1 - uniform()))
      const angle = 2 * Math.PI * uniform()
      values[index] = radius * Math.cos(angle)
      if (index + 1 < values.length) values[index + 1] = radius * Math.sin(angle)
    }
  }
}

function createUniformSource(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
