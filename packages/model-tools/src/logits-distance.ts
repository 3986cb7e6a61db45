import { readFile } from 'node:fs/promises'

/** How far the logits of two runs are from each other. */
export interface LogitsDistance {
  readonly meanDifference: number
  readonly maxDifference: number
  /** 1: the same direction. */
  readonly cosine: number
  /** How many of the five best classes of one are among the five best of the other. */
  readonly commonTop5: number
}

/** Indexes of the five largest, largest first. */
function top5(logits: Float32Array): number[] {
  return Array.from(logits.keys())
    .toSorted((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0))
    .slice(0, 5)
}

/** Both must be of the same length, and not all zero. */
export function measureDistance(a: Float32Array, b: Float32Array): LogitsDistance {
  if (a.length !== b.length) throw new RangeError(`${a.length} logits against ${b.length}`)
  const differences = a.map((value, i) => Math.abs(value - (b[i] ?? 0)))
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0)
  const others = new Set(top5(b))
  return {
    meanDifference: differences.reduce((sum, value) => sum + value, 0) / a.length,
    maxDifference: Math.max(...differences),
    cosine: dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
    commonTop5: top5(a).filter((index) => others.has(index)).length,
  }
}

/** Reads `Index,Value` lines, one for each class in order. Throws an Error that names the file and the line. */
export async function readLogits(path: string): Promise<Float32Array> {
  const [header, ...lines] = (await readFile(path, 'utf8')).trim().split(/\r?\n/)
  if (header !== 'Index,Value') throw new Error(`${path}: must begin with the line "Index,Value"`)
  return Float32Array.from(lines, (line, index) => {
    const [, at, value] = /^(\d+),(\S+)$/.exec(line) ?? []
    if (Number(at) !== index || !Number.isFinite(Number(value))) {
      throw new Error(`${path}: line ${index + 2} must be "${index},<number>"`)
    }
    return Number(value)
  })
}
