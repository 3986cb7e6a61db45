import { AppError } from '@menagerie/contract/errors'
import sharp, { type Metadata } from 'sharp'

export const PIXELS_MAX = 50_000_000
// 1 × 5000 pixels would be scaled to 256 × 1,280,000.
const ASPECT_MAX = 100
// Only the first picture is decoded, but a decoder lists all of them to find it. Five minutes at 30 a second.
const FRAMES_MAX = 9000

export interface ImageHeader {
  /** Size when upright, in pixels. */
  width: number
  height: number
  /** What the stored numbers mean, in libvips' words: `srgb`, `b-w`, `cmyk`, `rgb16`, … */
  space: string
  /** Whether it is decoded strip by strip, and not as a whole in memory. */
  isStreamed: boolean
}

const checkSize = (width: number, height: number): void => {
  if (width * height > PIXELS_MAX) {
    throw new AppError(
      'image_too_large',
      `the image has ${width} × ${height} pixels; at most ${PIXELS_MAX / 1e6} megapixels are accepted`,
    )
  }
  if (Math.max(width, height) > ASPECT_MAX * Math.min(width, height)) {
    throw new AppError(
      'image_too_large',
      `the image is ${width} × ${height}; one side may be at most ${ASPECT_MAX} times the other`,
    )
  }
}

const checkFrames = (frames: number): void => {
  if (frames <= FRAMES_MAX) return
  throw new AppError(
    'image_too_large',
    `the animation has ${frames} pictures; at most ${FRAMES_MAX} are accepted`,
  )
}

/**
 * Reads what an image says about itself and holds it against our limits, before any pixel is decoded.
 *
 * @throws AppError `image_too_large`, `image_undecodable`
 */
export const readImageHeader = async (bytes: Buffer): Promise<ImageHeader> => {
  let metadata: Metadata
  try {
    metadata = await sharp(bytes, { limitInputPixels: false, ignoreIcc: true }).metadata()
  } catch (cause) {
    throw new AppError('image_undecodable', 'the image cannot be read; it may be damaged', { cause })
  }
  const { width, height } = metadata.autoOrient
  checkSize(width, height)
  checkFrames(metadata.pages ?? 1)
  const isStreamed = ['jpeg', 'png'].includes(metadata.format) && !metadata.isProgressive
  return { width, height, space: metadata.space, isStreamed }
}
