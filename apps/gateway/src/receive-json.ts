import { AppError } from '@menagerie/contract/errors'
import type { PredictionOptions } from '@menagerie/contract/prediction'
import { PredictionRequestBody } from '@menagerie/contract/prediction-request'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from './admission.ts'
import { base64Length } from './decode-base64.ts'
import { createJsonParser } from './parse-json.ts'
import { receiveBody } from './receive-body.ts'
import { receiveDataUrl } from './receive-data-url.ts'
import type { ReceivedUpload } from './receive-upload.ts'
import type { FetchPicture } from './url-input/fetch-picture.ts'

// Options and the names around the picture.
const JSON_OVERHEAD_BYTES = 64 * 1024

const parseBody = createJsonParser(PredictionRequestBody)

export const isJson = ({ headers }: Pick<FastifyRequest, 'headers'>): boolean =>
  /^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')

/** As the text that it is in a form. */
const formatMetadata = (metadata: Record<string, unknown>): string => {
  try {
    return JSON.stringify(metadata)
  } catch (cause) {
    throw new AppError('request_invalid', 'metadata is nested too deeply', { cause })
  }
}

/** What is fetched takes room as what is sent does, but no header says how much. */
const reservePicture = (
  request: FastifyRequest,
  reply: FastifyReply,
  admission: Pick<Admission, 'reserve'>,
): void => {
  const release = admission.reserve(null)
  reply.raw.once('close', release)
  const { releaseUpload } = request
  request.releaseUpload = () => {
    releaseUpload()
    release()
  }
}

/**
 * Takes in a prediction that is asked for in JSON, with its picture as a data URL or by its URL.
 *
 * @throws AppError
 */
export const createReceiveJson =
  (
    deps: { fetchPicture: FetchPicture | null; admission: Pick<Admission, 'reserve'> },
    limits: { uploadBytesMax: number },
  ) =>
  async (
    request: FastifyRequest,
    reply: FastifyReply,
    signal: AbortSignal,
  ): Promise<{ upload: ReceivedUpload; options: PredictionOptions }> => {
    const bytesMax = limits.uploadBytesMax
    const bytes = await receiveBody(request, base64Length(bytesMax) + JSON_OVERHEAD_BYTES)
    const { input, metadata, ...others } = parseBody(bytes)
    const options = metadata === undefined ? others : { ...others, metadata: formatMetadata(metadata) }
    if (/^data:/i.test(input.image)) return { upload: await receiveDataUrl(input.image, bytesMax), options }
    if (deps.fetchPicture === null) {
      throw new AppError('url_inputs_disabled', 'this server fetches no pictures; send it as a data URL')
    }
    reservePicture(request, reply, deps.admission)
    return { upload: await deps.fetchPicture(input.image, signal), options }
  }
