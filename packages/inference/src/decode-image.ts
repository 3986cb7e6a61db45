import { AppError } from '@menagerie/contract/errors'
import { requireImageType, SNIFF_BYTES } from '@menagerie/contract/image-type'
import type { ModelInput } from '@menagerie/contract/model-manifest'
import sharp, { type Sharp } from 'sharp'
import { enlarge, planEnlarge } from './enlarge.ts'
import { PIXELS_MAX, readImageHeader, type ImageHeader } from './image-header.ts'
import { readLibuvPoolSize } from './libuv-pool.ts'
import { nameAvif } from './name-avif.ts'
import { planResize, type ResizePlan } from './resize-plan.ts'
import { createTimeLimit } from './time-limit.ts'

const DECODE_TIMEOUT_MS = 10_000
// One of libuv's threads is left to the large picture and to files: a decode must not wait in libuv's own line, where
// its time would be running.
const DECODES_MAX = Math.max(1, readLibuvPoolSize() - 1)
// 50 megapixels that are decoded as a whole take 150 MB (JPEG, PNG) to 870 MB (AVIF): one such picture at a time.
const LARGE_PIXELS = 12_500_000
const LARGE_DECODES_MAX = 1
// Seen through transparent parts; logos and cut-outs are mostly made for white paper.
const BACKGROUND = '#ffffff'

const limitTime = createTimeLimit(DECODES_MAX)
const limitTimeOfLarge = createTimeLimit(LARGE_DECODES_MAX)

const openImage = (bytes: Buffer, { space }: ImageHeader, timeoutMs: number): Sharp => {
  // `failOn: 'error'` refuses truncated files and lets merely odd ones pass.
  const image = sharp(bytes, { failOn: 'error', limitInputPixels: PIXELS_MAX, ignoreIcc: true, pages: 1 })
    // Frees the thread of a decode that was given up. libvips looks at its clock only between strips, so the limit
    // that counts is ours, which comes first.
    .timeout({ seconds: Math.ceil(timeoutMs / 1000) + 1 })
    .flatten({ background: BACKGROUND })
  // Print colours are converted after the crop and not before: 396 instead of 538 ms for 15 megapixels, and nearer.
  return space === 'cmyk' ? image.pipelineColourspace('cmyk') : image
}

/** Scales down and crops in one pass. */
const shrinkAndCrop = async (image: Sharp, plan: ResizePlan, crop: number): Promise<Uint8Array> => {
  const data = await image
    .resize(plan.width, plan.height, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: false })
    .extract({ left: plan.left, top: plan.top, width: crop, height: crop })
    // After extract(): before it, sharp would turn the full-size picture, which it then keeps in memory whole.
    .autoOrient()
    .toColourspace('srgb')
    .raw()
    .toBuffer()
  // A copy: from Node 22 on, memory of sharp's own cannot be handed to a thread. toUint8Array() would copy as well, but
  // that of sharp 0.35.5 never frees what it copied from, 150 kB per image.
  return new Uint8Array(data)
}

/** Takes the few pixels that the crop is made of, and enlarges them. */
const cropAndEnlarge = async (
  image: Sharp,
  source: ImageHeader,
  plan: ResizePlan,
  crop: number,
): Promise<Uint8Array> => {
  const columns = planEnlarge(source.width, plan.width, plan.left, crop)
  const rows = planEnlarge(source.height, plan.height, plan.top, crop)
  const data = await image
    .autoOrient()
    .extract({ left: columns.start, top: rows.start, width: columns.length, height: rows.length })
    .toColourspace('srgb')
    .raw()
    .toBuffer()
  return enlarge(data, columns, rows)
}

const decodePixels = async (
  bytes: Buffer,
  header: ImageHeader,
  { resize, crop }: Pick<ModelInput, 'resize' | 'crop'>,
  timeoutMs: number,
): Promise<Uint8Array> => {
  const plan = planResize(header.width, header.height, resize, crop)
  const image = openImage(bytes, header, timeoutMs)
  try {
    return Math.min(header.width, header.height) < resize
      ? await cropAndEnlarge(image, header, plan, crop)
      : await shrinkAndCrop(image, plan, crop)
  } catch (cause) {
    throw new AppError('image_undecodable', 'the image cannot be decoded; it may be damaged or cut off', {
      cause,
    })
  }
}

/**
 * Decodes an image and cuts out what the model looks at: EXIF orientation applied, colour profile ignored as in
 * training, alpha flattened on white, scaled and cropped as torchvision's `Resize → CenterCrop`.
 *
 * @param options.timeoutMs how long the header and the pixels may take, each
 * @returns `crop × crop × 3` bytes, row by row, RGB
 * @throws AppError `image_type_unsupported`, `image_too_large`, `image_undecodable`, `decode_timeout`; what the signal
 * was aborted with, at once
 */
export const decodeImage = async (
  bytes: Buffer,
  input: Pick<ModelInput, 'resize' | 'crop'>,
  { timeoutMs = DECODE_TIMEOUT_MS, signal }: { timeoutMs?: number; signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> => {
  const type = requireImageType(bytes.subarray(0, SNIFF_BYTES))
  const image = nameAvif(bytes, type)
  const header = await limitTime(() => readImageHeader(image), timeoutMs, signal)
  const isLarge = !header.isStreamed && header.width * header.height > LARGE_PIXELS
  const limit = isLarge ? limitTimeOfLarge : limitTime
  return limit(() => decodePixels(image, header, input, timeoutMs), timeoutMs, signal)
}
