import { crc32, deflateSync } from 'node:zlib'

/** A PNG as sharp does not write it; the numbers are those of the PNG specification. */
export interface PngParts {
  width: number
  height: number
  bitDepth: 1 | 2 | 4 | 8 | 16
  /** 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha. */
  colourType: 0 | 2 | 3 | 4 | 6
  isInterlaced?: boolean
  /** What is between header and pixels: `['PLTE', bytes]`, `['tRNS', bytes]`. */
  chunks?: [name: string, data: number[]][]
  /** The rows, each with its leading filter byte. */
  rows: Uint8Array
}

const makeChunk = (name: string, data: Uint8Array): Buffer => {
  const named = Buffer.concat([Buffer.from(name), data])
  const chunk = Buffer.alloc(named.length + 8)
  chunk.writeUInt32BE(data.length)
  named.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(named), named.length + 4)
  return chunk
}

export const makePng = ({ width, height, bitDepth, colourType, rows, ...rest }: PngParts): Buffer => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([bitDepth, colourType, 0, 0, rest.isInterlaced === true ? 1 : 0], 8)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    makeChunk('IHDR', header),
    ...(rest.chunks ?? []).map(([name, data]) => makeChunk(name, Uint8Array.from(data))),
    makeChunk('IDAT', deflateSync(rows)),
    makeChunk('IEND', new Uint8Array()),
  ])
}
