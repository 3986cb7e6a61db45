import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../../app.ts'
import { base64Length, pictureBodyLength } from '../../decode-base64.ts'
import { receiveBody } from '../../receive-body.ts'
import { receiveUpload } from '../../receive-upload.ts'
import { SUBMIT_HEADERS } from '../../request-headers.ts'
import { createAskAndWait, type Answered } from '../ask-and-wait.ts'
import { ASK_AND_WAIT_CODES, ASK_AND_WAIT_HEADERS, foreignResponses } from '../foreign-responses.ts'
import { buildOutput, checkOutputs, countTopK } from './outputs.ts'
import { readInferRequest, type Infer } from './read-infer-request.ts'
import { requireVersion } from './require-version.ts'
import { InferenceError, InferRequest, InferResponse, MODEL_PATHS, MODEL_VERSION } from './schemas.ts'
import { encodeTensor, type OutputTensor } from './tensors.ts'

const HEADER_LENGTH = 'inference-header-content-length'
const JSON_OVERHEAD_BYTES = 64 * 1024

const Binary = Type.String({
  format: 'binary',
  description: `JSON, of ${HEADER_LENGTH} bytes, and then the tensors that have a binary_data_size`,
})

const schema = {
  tags: ['compatibility'],
  summary: 'Classify a picture (Open Inference Protocol)',
  description:
    'One input of the type BYTES and the shape [1] with the file of the picture: in base64 as `data`, or behind the JSON as ' +
    'the binary tensor data extension has it. With a JSON of 0 bytes the whole body is the picture.',
  headers: Type.Object({
    ...SUBMIT_HEADERS,
    [HEADER_LENGTH]: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Bytes of JSON at the beginning of the body' }),
    ),
    'content-encoding': Type.Optional(
      Type.Literal('identity', { description: 'Bodies are taken as they are', examples: ['identity'] }),
    ),
  }),
  response: {
    200: {
      description: 'The outputs that were asked for, or all of them',
      headers: {
        ...ASK_AND_WAIT_HEADERS,
        [HEADER_LENGTH]: Type.String({ description: 'Bytes of JSON before the binary data' }),
      },
      content: {
        'application/json': { schema: InferResponse },
        'application/octet-stream': { schema: Binary },
      },
    },
    ...foreignResponses(InferenceError, ...ASK_AND_WAIT_CODES),
  },
}

const describeTensor = ({ name, datatype, data }: OutputTensor, bytes: Buffer | null) => {
  const shape = [data.length]
  return bytes === null
    ? { name, datatype, shape, data }
    : { name, datatype, shape, parameters: { binary_data_size: bytes.length } }
}

/** The answer as the protocol has it; outputs as binary data where that was asked for. */
const sendOutputs = (reply: FastifyReply, infer: Infer, { model, output }: Answered): FastifyReply => {
  const binary: Buffer[] = []
  const outputs = infer.outputs.map((requested) => {
    const tensor = buildOutput(requested, output)
    const bytes = (requested.parameters?.binary_data ?? infer.isBinary) ? encodeTensor(tensor) : null
    if (bytes !== null) binary.push(bytes)
    return describeTensor(tensor, bytes)
  })
  const id = infer.id === null ? {} : { id: infer.id }
  const answer = { ...id, model_name: model.name, model_version: MODEL_VERSION, outputs }
  const json = Buffer.from(JSON.stringify(answer))
  if (binary.length === 0) return reply.type('application/json').send(json)
  return reply
    .header(HEADER_LENGTH, json.length)
    .type('application/octet-stream')
    .send(Buffer.concat([json, ...binary]))
}

/** `POST /v2/models/{model}/infer` */
export const inferRoutes =
  (deps: AppDeps, { uploadBytesMax, syncTimeoutMs }: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    const askAndWait = createAskAndWait(deps, { syncTimeoutMs })

    const receive = async (request: FastifyRequest): Promise<Infer> => {
      const headerLength = (request.headers as { [HEADER_LENGTH]?: number })[HEADER_LENGTH] ?? null
      const pictureLength = headerLength === null ? base64Length(uploadBytesMax) : uploadBytesMax
      const infer = readInferRequest(
        await receiveBody(request, pictureLength + JSON_OVERHEAD_BYTES),
        headerLength,
      )
      checkOutputs(infer.outputs)
      return infer
    }

    for (const { path, params } of MODEL_PATHS) {
      app.post(
        `${path}/infer`,
        {
          schema: { ...schema, params },
          config: {
            admits: true,
            bodyBytesMax: pictureBodyLength(uploadBytesMax),
            documentedBody: {
              'application/json': { schema: InferRequest },
              'application/octet-stream': { schema: Binary },
            },
          },
        },
        async (request, reply) => {
          requireVersion(request)
          const infer = await receive(request)
          const upload = await receiveUpload([infer.picture], { bytesMax: uploadBytesMax, filename: null })
          const { model } = request.params
          const options = { model, top_k: countTopK(infer.outputs) }
          return sendOutputs(reply, infer, await askAndWait(request, reply, { upload, options }))
        },
      )
    }
  }
