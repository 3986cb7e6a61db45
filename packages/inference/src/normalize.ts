import type { ModelInput } from '@menagerie/contract/model-manifest'

/**
 * A function from `crop × crop × 3` RGB bytes to `[1, 3, crop, crop]` floats: `(pixel · scale − mean) / std` in
 * the channel order of the manifest. A byte has 256 values, so each channel is one table look-up per pixel.
 */
export const createNormalizer = (input: ModelInput): ((pixels: Uint8Array) => Float32Array) => {
  const { crop, scale, mean, std } = input
  const plane = crop * crop
  const sourceChannels = input.channels === 'RGB' ? [0, 1, 2] : [2, 1, 0]
  const channels = sourceChannels.map((source, target) => {
    const table = new Float32Array(256)
    for (let pixel = 0; pixel < 256; pixel++) {
      table[pixel] = (pixel * scale - (mean[target] ?? 0)) / (std[target] ?? 1)
    }
    return { source, target, table }
  })
  return (pixels) => {
    if (pixels.length !== plane * 3) {
      throw new RangeError(`expected ${plane * 3} bytes of pixels, got ${pixels.length}`)
    }
    const tensor = new Float32Array(plane * 3)
    for (const { source, target, table } of channels) {
      const offset = target * plane
      for (let i = 0; i < plane; i++) tensor[offset + i] = table[pixels[i * 3 + source] ?? 0] ?? 0
    }
    return tensor
  }
}
