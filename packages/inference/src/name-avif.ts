import type { ImageType } from '@menagerie/contract/image-type'

const BRAND_AT = 8
// What libvips looks for; the brands of animations (`avis`) and of some encoders are not among it.
const KNOWN_BRANDS = new Set(['avif', 'mif1'])

/** The same bytes, or, for an AVIF with a first brand that libvips does not know, a copy that says `avif` there. */
export const nameAvif = (bytes: Buffer, type: ImageType): Buffer => {
  if (type !== 'image/avif' || KNOWN_BRANDS.has(bytes.toString('latin1', BRAND_AT, BRAND_AT + 4))) {
    return bytes
  }
  const named = Buffer.from(bytes)
  named.write('avif', BRAND_AT, 'latin1')
  return named
}
