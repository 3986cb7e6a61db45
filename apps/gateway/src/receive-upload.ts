import { AppError } from '@menagerie/contract/errors'
import { isHeadComplete, requireImageType, SNIFF_BYTES, type ImageType } from '@menagerie/contract/image-type'
import { createHash } from 'node:crypto'

export interface ReceivedUpload {
  /** Taken out once they are stored: thousands may wait for their answers, and need not hold their pictures. */
  bytes: Buffer
  /** Hex. */
  sha256: string
  contentType: ImageType
  filename: string | null
}

const headOf = (chunks: Buffer[]): Buffer =>
  Buffer.concat(chunks.map((chunk) => chunk.subarray(0, SNIFF_BYTES)))

/**
 * Takes in one picture: counted, hashed and recognised while it arrives, so that one that is too large or no
 * image is refused at once and not at its end.
 *
 * @throws AppError `payload_too_large`, `image_type_unsupported`, `file_empty`
 */
export const receiveUpload = async (
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: { bytesMax: number; filename: string | null },
): Promise<ReceivedUpload> => {
  const hash = createHash('sha256')
  const received: Buffer[] = []
  let size = 0
  let contentType: ImageType | null = null
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > options.bytesMax) throw createTooLargeError(options.bytesMax)
    received.push(chunk)
    hash.update(chunk)
    if (contentType !== null) continue
    const head = headOf(received)
    if (isHeadComplete(head)) contentType = requireImageType(head)
  }
  if (size === 0) throw new AppError('file_empty', 'the file has no bytes')
  const bytes = Buffer.concat(received)
  return {
    bytes,
    sha256: hash.digest('hex'),
    contentType: contentType ?? requireImageType(bytes),
    filename: options.filename,
  }
}

export const createTooLargeError = (bytesMax: number): AppError =>
  new AppError('payload_too_large', `a picture may have at most ${bytesMax} bytes`)
