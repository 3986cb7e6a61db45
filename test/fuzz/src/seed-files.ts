import { paintGradient, paintPicture, toSharp } from '@menagerie/inference/testing/raw-picture'
import sharp, { type Sharp } from 'sharp'
import type { SeedFile } from './build-case.ts'
import { avifFormat } from './avif-format.ts'
import { gifFormat } from './gif-format.ts'
import type { ImageFormat } from './image-format.ts'
import { jpegFormat } from './jpeg-format.ts'
import { pngFormat } from './png-format.ts'
import { webpFormat } from './webp-format.ts'

type Recipe = readonly [name: string, format: ImageFormat, encode: () => Sharp | Promise<Sharp>]

/** Under 256 pixels, so it is enlarged. */
const small = (): Sharp => toSharp(paintGradient(40, 30))
/** Over 256 pixels, so it is scaled down. */
const medium = (): Sharp => toSharp(paintGradient(300, 260))
const seeThrough = (): Sharp => toSharp(paintPicture(40, 30, (x, y) => [6 * x, 8 * y, 99, (x * y) % 256]))
/** Just below the limit of 50 megapixels. */
const largest = (): Sharp =>
  sharp({
    create: { width: 7071, height: 7071, channels: 3, background: '#123456' },
    limitInputPixels: false,
  })

const animated = async (): Promise<Sharp> => {
  const frames = [0, 90, 180].map((hue) => small().modulate({ hue }).png().toBuffer())
  return sharp(await Promise.all(frames), { join: { animated: true } })
}

const RECIPES: readonly Recipe[] = [
  ['jpeg-baseline', jpegFormat, () => small().jpeg()],
  ['jpeg-medium', jpegFormat, () => medium().jpeg({ chromaSubsampling: '4:4:4' })],
  ['jpeg-progressive', jpegFormat, () => small().jpeg({ progressive: true })],
  ['jpeg-progressive-medium', jpegFormat, () => medium().jpeg({ progressive: true })],
  ['jpeg-greyscale', jpegFormat, () => small().toColourspace('b-w').jpeg()],
  ['jpeg-cmyk', jpegFormat, () => small().toColourspace('cmyk').jpeg()],
  ['jpeg-rotated', jpegFormat, () => small().withMetadata({ orientation: 6 }).jpeg()],
  [
    'jpeg-rotated-medium',
    jpegFormat,
    () => medium().withMetadata({ orientation: 7 }).jpeg({ progressive: true }),
  ],
  ['jpeg-profile', jpegFormat, () => small().withIccProfile('p3').jpeg()],
  ['png-8', pngFormat, () => small().png()],
  ['png-medium', pngFormat, () => medium().png({ adaptiveFiltering: true })],
  // Nothing is compressed, so that a changed byte is a changed pixel and not a broken stream.
  ['png-stored', pngFormat, () => small().png({ compressionLevel: 0 })],
  ['png-16', pngFormat, () => small().toColourspace('rgb16').png()],
  ['png-greyscale', pngFormat, () => small().toColourspace('b-w').png()],
  ['png-palette', pngFormat, () => seeThrough().png({ palette: true, colours: 16 })],
  ['png-1', pngFormat, () => small().png({ palette: true, colours: 2 })],
  ['png-alpha', pngFormat, () => seeThrough().png({ compressionLevel: 0 })],
  ['png-interlaced', pngFormat, () => small().png({ progressive: true })],
  ['png-interlaced-16', pngFormat, () => seeThrough().toColourspace('rgb16').png({ progressive: true })],
  ['png-rotated', pngFormat, () => small().withMetadata({ orientation: 5 }).png()],
  ['webp-lossy', webpFormat, () => small().webp()],
  ['webp-medium', webpFormat, () => medium().webp()],
  ['webp-lossless', webpFormat, () => small().webp({ lossless: true })],
  ['webp-alpha', webpFormat, () => seeThrough().webp()],
  ['webp-rotated', webpFormat, () => small().withMetadata({ orientation: 8 }).webp()],
  ['webp-animated', webpFormat, async () => (await animated()).webp()],
  ['avif', avifFormat, () => small().avif()],
  ['avif-medium', avifFormat, () => medium().avif()],
  ['avif-lossless', avifFormat, () => small().avif({ lossless: true })],
  ['avif-10', avifFormat, () => small().avif({ bitdepth: 10 })],
  ['avif-alpha', avifFormat, () => seeThrough().avif()],
  ['gif', gifFormat, () => small().gif()],
  ['gif-medium', gifFormat, () => medium().gif()],
  ['gif-transparent', gifFormat, () => seeThrough().gif()],
  ['gif-interlaced', gifFormat, () => small().gif({ progressive: true })],
  ['gif-animated', gifFormat, async () => (await animated()).gif()],
]

/** They take up to a second each to decode, so they are used seldom. */
const LARGE_RECIPES: readonly Recipe[] = [
  ['jpeg-large', jpegFormat, () => largest().jpeg({ progressive: true, quality: 30 })],
  ['png-large', pngFormat, () => largest().png({ progressive: true, compressionLevel: 3 })],
  ['webp-large', webpFormat, () => largest().webp({ lossless: true, effort: 0 })],
  ['gif-large', gifFormat, () => largest().gif({ effort: 1 })],
  // The encoder takes four seconds for 50 megapixels.
  ['avif-large', avifFormat, () => largest().resize(4000, 3000).avif({ quality: 20, effort: 0 })],
]

const encode = (recipes: readonly Recipe[], isLarge: boolean): Promise<SeedFile[]> =>
  Promise.all(
    recipes.map(async ([name, format, open]) => ({
      name,
      format,
      isLarge,
      bytes: await (await open()).toBuffer(),
    })),
  )

/** Whole files of every accepted format. The same version of sharp encodes the same bytes. */
export const makeSeedFiles = async (): Promise<SeedFile[]> => {
  // The AVIF encoder makes another file for another number of threads.
  sharp.concurrency(1)
  return [...(await encode(RECIPES, false)), ...(await encode(LARGE_RECIPES, true))]
}
