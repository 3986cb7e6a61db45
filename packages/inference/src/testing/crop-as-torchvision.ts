import { planResize } from '../resize-plan.ts'
import type { RawPicture } from './raw-picture.ts'

const PRECISION_BITS = 22

interface Taps {
  /** The first source pixel that counts, and the weight of each from there on. */
  start: number
  weights: number[]
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x))

const planTaps = (sourceSize: number, targetSize: number): Taps[] => {
  const scale = sourceSize / targetSize
  const support = Math.max(1, scale)
  return Array.from({ length: targetSize }, (_, target) => {
    const centre = (target + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - support + 0.5))
    const end = Math.min(sourceSize, Math.trunc(centre + support + 0.5))
    const raw = Array.from({ length: end - start }, (_unused, i) =>
      triangle((start + i - centre + 0.5) * (1 / support)),
    )
    const sum = raw.reduce((a, b) => a + b, 0)
    return { start, weights: raw.map((weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION_BITS)) }
  })
}

/** One pass along a line of pixels that are `stride` bytes apart. */
const resampleLine = (
  taps: Taps[],
  source: { data: Uint8Array; offset: number; stride: number },
  target: { data: Uint8Array; offset: number; stride: number },
): void => {
  for (const [i, { start, weights }] of taps.entries()) {
    let sum = 2 ** (PRECISION_BITS - 1)
    for (const [k, weight] of weights.entries()) {
      sum += (source.data[source.offset + (start + k) * source.stride] ?? Number.NaN) * weight
    }
    target.data[target.offset + i * target.stride] = Math.min(255, Math.floor(sum / 2 ** PRECISION_BITS))
  }
}

const scaleRows = (picture: RawPicture, taps: Taps[]): RawPicture => {
  const { height, channels } = picture
  const width = taps.length
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    for (let channel = 0; channel < channels; channel++) {
      const source = { data: picture.data, offset: y * picture.width * channels + channel, stride: channels }
      resampleLine(taps, source, { data, offset: y * width * channels + channel, stride: channels })
    }
  }
  return { width, height, channels, data }
}

const scaleColumns = (picture: RawPicture, taps: Taps[]): RawPicture => {
  const { width, channels } = picture
  const stride = width * channels
  const data = new Uint8Array(stride * taps.length)
  for (let offset = 0; offset < stride; offset++) {
    resampleLine(taps, { data: picture.data, offset, stride }, { data, offset, stride })
  }
  return { width, height: taps.length, channels, data }
}

/**
 * What torchvision's `Resize(resize) → CenterCrop(crop)` makes of a picture: Pillow's `resize(…, BILINEAR)`, bit by
 * bit. A triangle as wide as the scale in fixed-point numbers of 22 bits, rows first, rounded to bytes between the
 * passes. A port of libImaging/Resample.c (Pillow 9.4, HPND licence); far too slow to serve with, and therefore only
 * the yardstick of the tests.
 */
export const cropAsTorchvision = (
  picture: RawPicture,
  { resize, crop }: { resize: number; crop: number },
): Uint8Array => {
  const plan = planResize(picture.width, picture.height, resize, crop)
  const columns = planTaps(picture.width, plan.width).slice(plan.left, plan.left + crop)
  const rows = planTaps(picture.height, plan.height).slice(plan.top, plan.top + crop)
  return scaleColumns(scaleRows(picture, columns), rows).data
}
