import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { FIXTURES_DIR, photoPath } from './paths.ts'

/** A JPEG of a smooth gradient; another `seed` gives another picture. */
export const makeJpeg = (
  options: { seed?: number; width?: number; height?: number } = {},
): Promise<Buffer> => {
  const { seed = 1, width = 320, height = 240 } = options
  const pixels = Buffer.alloc(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = (y * width + x) * 3
      pixels[i] = (x + seed * 31) & 255
      pixels[i + 1] = (y * 2 + seed * 17) & 255
      pixels[i + 2] = (x + y + seed * 7) & 255
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
}

/** A WebP of one colour: few bytes, however many pixels. */
export const makeFlatWebp = (size: { width: number; height: number }): Promise<Buffer> =>
  sharp({ create: { ...size, channels: 3, background: '#7a5230' } })
    .webp()
    .toBuffer()

/** The golden retriever, where the fixtures are; else a made picture. */
export const readTestPicture = (): Promise<Buffer> =>
  FIXTURES_DIR === null ? makeJpeg() : readFile(photoPath('n02099601_golden_retriever.jpg'))
