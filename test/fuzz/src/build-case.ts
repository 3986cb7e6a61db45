import type { ImageFormat, Mutate } from './image-format.ts'
import {
  copyBlock,
  deleteBlock,
  flipBits,
  insertGarbage,
  repeatBlock,
  setNumbers,
  spliceFiles,
  truncate,
} from './mutate-bytes.ts'
import { dropPart, editBody, editFields, renamePart, repeatPart, resizePicture } from './mutate-structure.ts'
import { createRandom, type Random } from '@menagerie/harness/random'

/** A whole file to start from. */
export interface SeedFile {
  name: string
  format: ImageFormat
  /** Slow to decode, so used seldom. */
  isLarge: boolean
  bytes: Buffer
}

export interface FuzzCase {
  number: number
  bytes: Buffer
  /** The file and what was done to it. */
  description: string
}

const GARBAGE_ONE_IN = 40
const LARGE_ONE_IN = 200
const SPLICE_ONE_IN = 20
const GARBAGE_BYTES_MAX_LOG2 = 12
// Parts that are repeated 100 times, and again, would make files of gigabytes. No gateway takes more than this.
const FILE_BYTES_MAX = 10 * 2 ** 20

const ON_BYTES = [flipBits, setNumbers, truncate, deleteBlock, repeatBlock, insertGarbage, copyBlock]
// Header fields and contents come twice: they lead deepest into the decoders.
const ON_STRUCTURE = [
  editFields,
  editFields,
  editBody,
  editBody,
  resizePicture,
  dropPart,
  repeatPart,
  renamePart,
]

const makeGarbage = (file: SeedFile, random: Random): Pick<FuzzCase, 'bytes' | 'description'> => {
  const length = random.integer(0, 2 ** random.integer(0, GARBAGE_BYTES_MAX_LOG2))
  const isText = random.isOneIn(3)
  const garbage = isText ? Buffer.from('no picture at all. '.repeat(length / 16)) : random.bytes(length)
  return {
    bytes: Buffer.concat([file.format.magic, garbage]),
    description: `${isText ? 'text' : 'garbage'} behind the magic bytes of ${file.name}`,
  }
}

const pickFile = (files: readonly SeedFile[], random: Random): SeedFile => {
  const isLarge = random.isOneIn(LARGE_ONE_IN)
  const candidates = files.filter((file) => file.isLarge === isLarge)
  return random.pick(candidates.length === 0 ? files : candidates)
}

const pickMutator = ({ format }: SeedFile, random: Random): Mutate =>
  random.pick(random.isOneIn(3) ? ON_BYTES : [...ON_STRUCTURE, ...(format.ownMutators ?? [])])

const damage = (file: SeedFile, random: Random): Pick<FuzzCase, 'bytes' | 'description'> => {
  let { bytes } = file
  const done: string[] = []
  for (let i = random.pick([1, 1, 1, 2, 2, 3, 5]); i > 0; i--) {
    const mutate = pickMutator(file, random)
    const mutated = mutate(bytes, random, file.format)
    if (mutated.length > FILE_BYTES_MAX) break
    bytes = mutated
    done.push(mutate.name)
  }
  if (file.format.repair !== undefined && !random.isOneIn(4)) {
    bytes = file.format.repair(bytes)
    done.push('repair')
  }
  return { bytes, description: `${file.name}: ${done.join(', ')}` }
}

/** Case `number` of a seed: a pure function of the two and of the files to start from. */
export const buildCase = (seed: number, number: number, files: readonly SeedFile[]): FuzzCase => {
  const random = createRandom(seed, number)
  const file = pickFile(files, random)
  // What bounds the memory is the largest picture that is whole.
  if (file.isLarge && random.isOneIn(3)) return { number, bytes: file.bytes, description: file.name }
  if (random.isOneIn(GARBAGE_ONE_IN)) return { number, ...makeGarbage(file, random) }
  const { bytes, description } = damage(file, random)
  if (!random.isOneIn(SPLICE_ONE_IN)) return { number, bytes, description }
  const other = pickFile(files, random)
  return {
    number,
    bytes: spliceFiles(bytes, other.bytes, random),
    description: `${description}; its beginning with the end of ${other.name}`,
  }
}
