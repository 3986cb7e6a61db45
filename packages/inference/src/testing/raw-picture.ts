import sharp, { type Sharp } from 'sharp'

/** Pixels row by row, without any file format around them. */
export interface RawPicture {
  width: number
  height: number
  channels: 1 | 2 | 3 | 4
  data: Uint8Array
}

/** A picture whose pixel at (x, y) has the values that `paint` returns. */
export const paintPicture = (
  width: number,
  height: number,
  paint: (x: number, y: number) => readonly number[],
): RawPicture => {
  const channels = paint(0, 0).length as RawPicture['channels']
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(paint(x, y), (y * width + x) * channels)
  }
  return { width, height, channels, data }
}

/** A smooth picture that looks different from every side: red grows to the right, green down, blue in waves. */
export const paintGradient = (width: number, height: number): RawPicture =>
  paintPicture(width, height, (x, y) => [
    Math.round((255 * x) / width),
    Math.round((255 * y) / height),
    Math.round(127 + 100 * Math.sin((x + 2 * y) / 40)),
  ])

export const paintSolid = (width: number, height: number, colour: readonly number[]): RawPicture =>
  paintPicture(width, height, () => colour)

/** To be encoded: `toSharp(picture).png().toBuffer()`. */
export const toSharp = ({ data, width, height, channels }: RawPicture): Sharp =>
  sharp(data, { raw: { width, height, channels } })

/** Mean absolute difference of two pictures, of 255. */
export const meanDifference = (a: Uint8Array, b: Uint8Array): number => {
  if (a.length !== b.length) throw new RangeError(`${a.length} bytes against ${b.length}`)
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}

/** The largest difference of any two values, of 255. */
export const maxDifference = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] ?? 0))), 0)
