export interface ResizePlan {
  /** Size to scale the whole image to, in pixels. */
  width: number
  height: number
  /** Corner of the square crop in the scaled image. */
  left: number
  top: number
}

/** Python's `round`: halves go to the even neighbour. Torchvision places its crop with it. */
const roundHalfToEven = (value: number): number => {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/**
 * The geometry of torchvision's `Resize(resize) → CenterCrop(crop)`: the shorter side becomes `resize`, the
 * longer one is cut down to a whole pixel, and the crop's corner is rounded half to even. Both sides grow, both
 * shrink, or both stay, whatever the rounding does.
 *
 * @throws RangeError when the crop is larger than the scaled image: torchvision would fill with black, which no
 * model has been trained on
 */
export const planResize = (width: number, height: number, resize: number, crop: number): ResizePlan => {
  if (crop > resize) throw new RangeError(`a crop of ${crop} does not fit into ${resize} pixels`)
  const long = Math.trunc((resize * Math.max(width, height)) / Math.min(width, height))
  const scaled = width <= height ? { width: resize, height: long } : { width: long, height: resize }
  return {
    ...scaled,
    left: roundHalfToEven((scaled.width - crop) / 2),
    top: roundHalfToEven((scaled.height - crop) / 2),
  }
}
