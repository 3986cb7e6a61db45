import { AppError } from '@menagerie/contract/errors'
import { base64BytesMax, decodeBase64 } from './decode-base64.ts'
import { createTooLargeError, receiveUpload, type ReceivedUpload } from './receive-upload.ts'

// What is behind `data:`; a type and its parameters are short.
const HEAD_LENGTH_MAX = 256

/**
 * Takes a picture out of a data URL (RFC 2397), which must be in base64. Its type is what the bytes say.
 *
 * @throws AppError `request_invalid`, `payload_too_large`, `image_type_unsupported`, `file_empty`
 */
export const receiveDataUrl = async (url: string, bytesMax: number): Promise<ReceivedUpload> => {
  const comma = url.slice(0, HEAD_LENGTH_MAX).indexOf(',')
  if (comma === -1 || !/^data:[^,]*;base64$/i.test(url.slice(0, comma))) {
    throw new AppError('request_invalid', 'input.image must begin with data:image/…;base64, as a data URL')
  }
  const text = url.slice(comma + 1)
  // Two bytes are what padding may stand for.
  if (base64BytesMax(text.length) > bytesMax + 2) throw createTooLargeError(bytesMax)
  const bytes = decodeBase64(text)
  if (bytes === null) throw new AppError('request_invalid', 'input.image is not valid base64')
  return receiveUpload([bytes], { bytesMax, filename: null })
}
