/**
 * A baseline JPEG of one colour, as few encoders write them: any number of components, with or without the `Adobe`
 * segment that says what they mean (transform 0: RGB or CMYK as they are, 1: YCbCr, 2: YCCK).
 */
export interface SolidJpeg {
  width: number
  height: number
  /** Stored values, 0 to 255; the usual inversion of CMYK is up to the caller. */
  components: number[]
  adobeTransform?: 0 | 1 | 2
}

const uint16 = (value: number): number[] => [value >> 8, value & 0xff]

const segment = (marker: number, payload: number[]): number[] => [
  0xff,
  marker,
  ...uint16(payload.length + 2),
  ...payload,
]

// Huffman codes: DC categories 0 to 11 are numbers of four bits, and the only AC symbol, end of block, is one zero.
const DC_TABLE = [0x00, 0, 0, 0, 12, ...Array.from({ length: 12 }, () => 0), ...Array(12).keys()]
const AC_TABLE = [0x10, 1, ...Array.from({ length: 15 }, () => 0), 0]

const toBits = (value: number, length: number): string => value.toString(2).padStart(length, '0')

/** The bits of a block's DC difference and its end. */
const encodeBlock = (difference: number): string => {
  const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1
  const bits = difference < 0 ? difference + 2 ** size - 1 : difference
  return `${toBits(size, 4)}${size === 0 ? '' : toBits(bits, size)}0`
}

const packBits = (bits: string): number[] =>
  (bits.match(/.{1,8}/g) ?? []).flatMap((byte) => {
    const value = Number.parseInt(byte.padEnd(8, '1'), 2)
    return value === 0xff ? [0xff, 0] : [value]
  })

export const makeSolidJpeg = ({ width, height, components, adobeTransform }: SolidJpeg): Buffer => {
  const ids = components.map((_, i) => i + 1)
  const first = components.map((value) => encodeBlock(value - 128)).join('')
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8)
  const head = [
    0xff,
    0xd8,
    ...(adobeTransform === undefined
      ? []
      : segment(0xee, [...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, adobeTransform])),
    // A divisor of 8 makes the DC coefficient the value itself.
    ...segment(0xdb, [0, ...Array.from({ length: 64 }, () => 8)]),
    ...segment(0xc0, [
      8,
      ...uint16(height),
      ...uint16(width),
      components.length,
      ...ids.flatMap((id) => [id, 0x11, 0]),
    ]),
    ...segment(0xc4, DC_TABLE),
    ...segment(0xc4, AC_TABLE),
    ...segment(0xda, [components.length, ...ids.flatMap((id) => [id, 0x00]), 0, 63, 0]),
  ]
  // All further blocks differ by nothing: five zero bits per component, of which eight blocks are whole bytes.
  const rest = '00000'.repeat(components.length * (blocks - 1))
  return Buffer.from([...head, ...packBits(first + rest), 0xff, 0xd9])
}
