/** Image types that a worker can decode. */
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'] as const
export type ImageType = (typeof IMAGE_TYPES)[number]

export const ACCEPTED_IMAGES_TEXT = 'JPEG, PNG, WebP, GIF or AVIF'

/** How many leading bytes `sniffImageType` wants to see. */
export const SNIFF_BYTES = 32

const startsWith = (bytes: Uint8Array, offset: number, text: string): boolean => {
  if (bytes.length < offset + text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false
  return true
}

/**
 * The type of an image by its magic bytes, or null when it is none that we take. What the client says the
 * file is does not count.
 */
export const sniffImageType = (head: Uint8Array): ImageType | null => {
  if (startsWith(head, 0, '\xff\xd8\xff')) return 'image/jpeg'
  if (startsWith(head, 0, '\x89PNG\r\n\x1a\n')) return 'image/png'
  if (startsWith(head, 0, 'RIFF') && startsWith(head, 8, 'WEBP')) return 'image/webp'
  if (startsWith(head, 0, 'GIF87a') || startsWith(head, 0, 'GIF89a')) return 'image/gif'
  // ISO BMFF: the major brand says AVIF; HEIC has the same container and another brand.
  if (startsWith(head, 4, 'ftypavif') || startsWith(head, 4, 'ftypavis')) return 'image/avif'
  return null
}
