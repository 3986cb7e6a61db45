import type { Random } from '@menagerie/harness/random'

/** One segment, chunk, block or box of a file. A damaged file may end inside it; no offset is beyond the end. */
export interface Part {
  /** Marker, chunk type or box type, one character per byte. */
  name: string
  nameStart: number
  start: number
  bodyStart: number
  end: number
}

/** A number in a header. */
export interface Field {
  /** `part.field`, e.g. `IHDR.width`. */
  name: string
  offset: number
  /** Bytes. */
  size: number
  endian: 'BE' | 'LE'
  kind: 'dimension' | 'length' | 'code'
}

/** Makes other bytes from the given ones, which stay as they are. It may find nothing to do. */
export type Mutate = (bytes: Buffer, random: Random, format: ImageFormat) => Buffer

/** What the mutators know of a file format. Everything here takes damaged files as well. */
export interface ImageFormat {
  /** The bytes that a file is recognised by. */
  magic: Buffer
  /** Names that a part may have. */
  partNames: readonly string[]
  listParts(bytes: Buffer): Part[]
  listFields(bytes: Buffer): Field[]
  /** Brings checksums and total lengths in line with the content: what differs would be refused before it is decoded. */
  repair?(bytes: Buffer): Buffer
  /** What makes sense for this format alone. */
  ownMutators?: readonly Mutate[]
}

/** `[name, offset in the body, size, kind]` */
export type FieldPlan = readonly [name: string, offset: number, size: number, kind: Field['kind']]

/** The planned fields of a part that lie within the file. */
export const placeFields = (part: Part, endian: Field['endian'], plan: readonly FieldPlan[]): Field[] =>
  plan
    .map(([name, offset, size, kind]) => ({
      name: `${part.name}.${name}`,
      offset: part.bodyStart + offset,
      size,
      endian,
      kind,
    }))
    .filter(({ offset, size }) => offset + size <= part.end)
