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

const scaleWidth = (picture: RawPicture, width: number): RawPicture => {
  if (picture.width === width) return picture
  const { height, channels } = picture
  const data = new Uint8Array(width * height * channels)
  const taps = planTaps(picture.width, width)
  for (let y = 0; y < height; y++) {
    for (let channel = 0; channel < channels; channel++) {
      const source = { data: picture.data, offset: y * picture.width * channels + channel, stride: channels }
      resampleLine(taps, source, { data, offset: y * width * channels + channel, stride: channels })
    }
  }
  return { width, height, channels, data }
}

const scaleHeight = (picture: RawPicture, height: number): RawPicture => {
  if (picture.height === height) return picture
  const { width, channels } = picture
  const stride = width * channels
  const data = new Uint8Array(stride * height)
  const taps = planTaps(picture.height, height)
  for (let offset = 0; offset < stride; offset++) {
    resampleLine(taps, { data: picture.data, offset, stride }, { data, offset, stride })
  }
  return { width, height, channels, data }
}

/**
 * Pillow's `Image.resize(…, BILINEAR)`, bit by bit: a triangle as wide as the scale in fixed-point numbers of 22
 * bits, rows first, rounded to bytes between the passes. A port of libImaging/Resample.c (Pillow 9.4, HPND licence);
 * far too slow to serve with, and therefore only the yardstick of the tests.
 */
export const resizeAsPillow = (picture: RawPicture, width: number, height: number): RawPicture =>
  scaleHeight(scaleWidth(picture, width), height)

/** What torchvision's `Resize(resize) → CenterCrop(crop)` makes of a picture. */
export const cropAsTorchvision = (
  picture: RawPicture,
  { resize, crop }: { resize: number; crop: number },
): Uint8Array => {
  const plan = planResize(picture.width, picture.height, resize, crop)
  const scaled = resizeAsPillow(picture, plan.width, plan.height)
  const rowBytes = crop * picture.channels
  const cropped = new Uint8Array(crop * rowBytes)
  for (let row = 0; row < crop; row++) {
    const start = ((plan.top + row) * scaled.width + plan.left) * picture.channels
    cropped.set(scaled.data.subarray(start, start + rowBytes), row * rowBytes)
  }
  return cropped
}
