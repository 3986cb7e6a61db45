import { createHash } from 'node:crypto'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

/** Choices that look random and are the same in every run. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T
  /** True once in `n` times. */
  isOneIn(n: number): boolean
  bytes(length: number): Buffer
}

/** The choices of case `number` of a seed. They depend on nothing else, so a case can be made alone. */
export const createRandom = (seed: number, number: number): Random => {
  // Neighbouring numbers must not give similar sequences, so the generator starts from a digest of both.
  const digest = createHash('sha256').update(`${seed}:${number}`).digest()
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
  const integer = (min: number, max: number): number => uniformInt(generator, min, max)
  return {
    integer,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError('there is nothing to pick from')
      return list[integer(0, list.length - 1)] as T
    },
    isOneIn: (n) => integer(1, n) === 1,
    bytes: (length) => Buffer.from(Array.from({ length }, () => integer(0, 255))),
  }
}
