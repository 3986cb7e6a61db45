/** A GIF as sharp does not write it: black, with frames in its corner that hold one white pixel. */
export interface TinyGif {
  /** Of the canvas. */
  width: number
  height: number
  frames: number
  /** What the frames say about their size. */
  frameSide?: number
}

const BLACK_AND_WHITE = [0, 0, 0, 255, 255, 255]
const TWO_COLOURS = 0x80
// LZW of two bits: clear, colour 1, end.
const WHITE_PIXEL = [2, 2, 0x4c, 0x01, 0]

const uint16 = (value: number): number[] => [value & 0xff, value >> 8]

export const makeTinyGif = ({ width, height, frames, frameSide = 1 }: TinyGif): Buffer => {
  const side = uint16(frameSide)
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, ...side, ...side, 0, ...WHITE_PIXEL])
  const head = [...Buffer.from('GIF89a'), ...uint16(width), ...uint16(height), TWO_COLOURS, 0, 0]
  return Buffer.concat([
    Buffer.from([...head, ...BLACK_AND_WHITE]),
    ...Array.from({ length: frames }, () => frame),
    Buffer.from([0x3b]),
  ])
}
