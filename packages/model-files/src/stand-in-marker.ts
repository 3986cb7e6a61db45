import { open, type FileHandle } from 'node:fs/promises'

/** `ModelProto.producer_name` of an untrained stand-in. It travels with the file, wherever that is copied. */
export const STAND_IN_PRODUCER = 'menagerie-stand-in'

// Protocol buffers: a field begins with the varint `number << 3 | wire type`. Field numbers from onnx.proto.
const PRODUCER_NAME = 2
const GRAPH = 7
const VARINT = 0
const LENGTH_DELIMITED = 2

/** A header is a few small fields before the graph; what does not begin like one is not read through. */
const HEADER_BYTES_MAX = 4096

/**
 * Whether an ONNX file says of itself that it is an untrained stand-in. Reads the header only: every writer puts the
 * producer's name before the graph and its weights. Throws when the file cannot be read.
 */
export async function isStandIn(path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    return producerName(await readHeader(file)) === STAND_IN_PRODUCER
  } finally {
    await file.close()
  }
}

async function readHeader(file: FileHandle): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0)
  return buffer.subarray(0, bytesRead)
}

/** Null when the header has no producer's name, or is no ONNX header. */
function producerName(header: Buffer): string | null {
  let offset = 0
  while (offset < header.length) {
    const tag = readVarint(header, offset)
    const wireType = tag.value & 7
    const field = tag.value >>> 3
    if (field === GRAPH || (wireType !== VARINT && wireType !== LENGTH_DELIMITED)) return null

    const number = readVarint(header, tag.end)
    if (wireType === VARINT) {
      offset = number.end
      continue
    }
    offset = number.end + number.value
    if (field === PRODUCER_NAME) return header.toString('utf8', number.end, offset)
  }
  return null
}

/** Lengths beyond 2^53 lose digits here; they only end the walk. */
function readVarint(bytes: Buffer, start: number): { value: number; end: number } {
  let value = 0
  let end = start
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[end++] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, end }
  }
}
