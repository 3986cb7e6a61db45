import { crc32, deflateRawSync } from 'node:zlib'

/** An entry of an archive that no ordinary tool would write: whatever is given here is what its headers say. */
export interface RawEntry {
  name: string | Buffer
  bytes: Buffer
  /** As the headers say; what is written is deflated unless this is 0. */
  method?: number
  /** The data as it is written. */
  raw?: Buffer
  flags?: number
  uncompressedSize?: number
  compressedSize?: number
  crc?: number
  /** Where its directory entry says that it begins; by default where it does. */
  offset?: number
  /** Bytes between its local header and its data. */
  localExtra?: Buffer
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const VERSION = 20

const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const describe = (entry: RawEntry) => {
  const { method = 8, flags = 0 } = entry
  const raw = entry.raw ?? (method === 0 ? entry.bytes : deflateRawSync(entry.bytes))
  const name = Buffer.isBuffer(entry.name) ? entry.name : Buffer.from(entry.name)
  const common = Buffer.concat([
    uint16(VERSION),
    uint16(flags),
    uint16(method),
    uint32(0),
    uint32(entry.crc ?? crc32(entry.bytes)),
    uint32(entry.compressedSize ?? raw.length),
    uint32(entry.uncompressedSize ?? entry.bytes.length),
    uint16(name.length),
  ])
  return { raw, name, common }
}

/** Writes an archive by hand. */
export const makeRawZip = (entries: RawEntry[], end: { count?: number; directory?: Buffer } = {}): Buffer => {
  const files: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const { raw, name, common } = describe(entry)
    const { localExtra = Buffer.alloc(0) } = entry
    const file = Buffer.concat([uint32(LOCAL), common, uint16(localExtra.length), name, localExtra, raw])
    const at = uint32(entry.offset ?? offset)
    const rest = Buffer.concat([uint16(0), uint16(0), uint16(0), uint16(0), uint32(0), at])
    files.push(file)
    directory.push(Buffer.concat([uint32(CENTRAL), uint16(VERSION), common, rest, name]))
    offset += file.length
  }
  const central = end.directory ?? Buffer.concat(directory)
  const count = uint16(end.count ?? entries.length)
  const tail = Buffer.concat([
    uint32(END),
    uint32(0),
    count,
    count,
    uint32(central.length),
    uint32(offset),
    uint16(0),
  ])
  return Buffer.concat([...files, central, tail])
}
