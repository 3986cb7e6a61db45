/** Bytes that a base64 text of this length stands for, at most. */
export const base64BytesMax = (length: number): number => Math.floor((length * 3) / 4)

/** Characters that so many bytes take in base64. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4

/**
 * Decodes base64 (RFC 4648, 4) and nothing like it: no line breaks, no other alphabet, padding as it must be. Null when
 * it is none.
 */
export const decodeBase64 = (text: string): Buffer | null => {
  // Node skips what does not belong there; so does what it makes of the bytes show whether anything did.
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

// Boundaries and fields around a picture, or the JSON that it is in.
const OVERHEAD_BYTES = 64 * 1024

/** The longest body with a picture of so many bytes in it, in any encoding. */
export const pictureBodyLength = (bytes: number): number => base64Length(bytes) + OVERHEAD_BYTES
