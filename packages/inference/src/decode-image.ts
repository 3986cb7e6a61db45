import { ACCEPTED_IMAGES_TEXT, SNIFF_BYTES, sniffImageType } from '@menagerie/contract/image-type'
import { AppError } from '@menagerie/contract/errors'
import type { ModelInput } from '@menagerie/contract/model-manifest'
import sharp, { type Metadata, type Sharp } from 'sharp'
import { planResize, type ResizePlan } from './resize-plan.ts'

const PIXELS_MAX = 50_000_000
// 1 × 5000 pixels would be scaled to 256 × 1,280,000.
const ASPECT_MAX = 100
const DECODE_TIMEOUT_S = 10
// Seen through transparent parts; logos and cut-outs are mostly made for white paper.
const BACKGROUND = '#ffffff'

/** Only decoders for the types we take, and only from memory: no SVG renderer, no TIFF, no file paths. */
const allowOnlyAcceptedLoaders = (): void => {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({
    operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif'].map((name) => `VipsForeignLoad${name}Buffer`),
  })
}

/** Sets sharp up for a long-running process; once, before the first decode. */
export const configureSharp = (): void => {
  allowOnlyAcceptedLoaders()
  sharp.cache(false)
  // The inference threads take the cores; one decode must not spread over them as well.
  sharp.concurrency(1)
}

const readHeader = async (bytes: Buffer): Promise<{ width: number; height: number }> => {
  let metadata: Metadata
  try {
    metadata = await sharp(bytes, { limitInputPixels: false, ignoreIcc: true }).metadata()
  } catch (cause) {
    throw new AppError('image_undecodable', 'the image cannot be read; it may be damaged', { cause })
  }
  const { width, height } = metadata.autoOrient
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
  return { width, height }
}

/** Scales down and crops in one pass. */
const shrinkAndCrop = async (image: Sharp, plan: ResizePlan, crop: number): Promise<Uint8Array> => {
  const data = await image
    .resize(plan.width, plan.height, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false })
    .extract({ left: plan.left, top: plan.top, width: crop, height: crop })
    .toColourspace('srgb')
    .raw()
    .toBuffer()
  // A copy: from Node 22 on, memory of sharp's own cannot be handed to a thread. toUint8Array() would copy as well, but
  // that of sharp 0.35.5 never frees what it copied from, 150 kB per image.
  return new Uint8Array(data)
}

/**
 * sharp's resize shifts by half a pixel when it enlarges; this affine map samples as torchvision does. libvips
 * would crop before it, so the crop is done on the rows here; the image is small.
 */
const enlargeAndCrop = async (
  image: Sharp,
  source: { width: number; height: number },
  plan: ResizePlan,
  crop: number,
): Promise<Uint8Array> => {
  const scale = [
    [plan.width / source.width, 0],
    [0, plan.height / source.height],
  ] as [[number, number], [number, number]]
  const { data, info } = await image
    .affine(scale, { interpolator: 'bilinear', idx: 0.5, idy: 0.5, odx: -0.5, ody: -0.5 })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const pixels = new Uint8Array(crop * crop * 3)
  for (let row = 0; row < crop; row++) {
    const start = ((plan.top + row) * info.width + plan.left) * 3
    pixels.set(data.subarray(start, start + crop * 3), row * crop * 3)
  }
  return pixels
}

/**
 * Decodes an image and cuts out what the model looks at: EXIF orientation applied, colour profile ignored as in
 * training, alpha flattened on white, scaled and cropped as torchvision's `Resize → CenterCrop`.
 *
 * @returns `crop × crop × 3` bytes, row by row, RGB
 * @throws AppError `image_type_unsupported`, `image_too_large`, `image_undecodable`
 */
export const decodeImage = async (
  bytes: Buffer,
  input: Pick<ModelInput, 'resize' | 'crop'>,
): Promise<Uint8Array> => {
  if (sniffImageType(bytes.subarray(0, SNIFF_BYTES)) === null) {
    throw new AppError('image_type_unsupported', `the file is not a ${ACCEPTED_IMAGES_TEXT} image`)
  }
  const { width, height } = await readHeader(bytes)
  const plan = planResize(width, height, input.resize, input.crop)
  // `failOn: 'error'` refuses truncated files and lets merely odd ones pass.
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: PIXELS_MAX, ignoreIcc: true, pages: 1 })
    .timeout({ seconds: DECODE_TIMEOUT_S })
    .autoOrient()
    .flatten({ background: BACKGROUND })
  try {
    return Math.min(width, height) < input.resize
      ? await enlargeAndCrop(image, { width, height }, plan, input.crop)
      : await shrinkAndCrop(image, plan, input.crop)
  } catch (cause) {
    throw new AppError('image_undecodable', 'the image cannot be decoded; it may be damaged or cut off', {
      cause,
    })
  }
}
