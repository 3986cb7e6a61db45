import { AppError } from '@menagerie/contract/errors'
import type { FastifyRequest } from 'fastify'
import type { Readable } from 'node:stream'
import { receiveForm, type ReceivedForm } from './receive-form.ts'
import { createTooLargeError, receiveUpload } from './receive-upload.ts'

// Boundaries, part headers and text fields around the picture.
const FORM_OVERHEAD_BYTES = 64 * 1024

/**
 * Takes in a picture from a request: the file of a multipart form, or the body itself when it is `image/*`. A
 * declared length over the cap is refused before any byte of the body is read.
 *
 * @throws AppError
 */
export const receiveInput = async (request: FastifyRequest, bytesMax: number): Promise<ReceivedForm> => {
  const isForm = request.isMultipart()
  const declaredBytes = Number(request.headers['content-length'] ?? 0)
  if (declaredBytes > bytesMax + (isForm ? FORM_OVERHEAD_BYTES : 0)) throw createTooLargeError(bytesMax)
  if (isForm) return receiveForm(request, bytesMax)
  const body = request.body as Readable | null | undefined
  if (body == null) {
    throw new AppError('file_missing', 'there is no body; send multipart/form-data with a file, or image/*')
  }
  // Leaving the loop early must not destroy the socket, over which the answer goes.
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  return { upload: await receiveUpload(chunks, { bytesMax, filename: null }), fields: {} }
}
