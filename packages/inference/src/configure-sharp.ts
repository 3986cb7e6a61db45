import sharp from 'sharp'

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
