import type { Prediction } from '@menagerie/contract/prediction'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../../app.ts'
import { base64Length, pictureBodyLength } from '../../decode-base64.ts'
import { receiveBody } from '../../receive-body.ts'
import { receiveUpload } from '../../receive-upload.ts'
import { SUBMIT_HEADERS } from '../../request-headers.ts'
import { createAskAndWait } from '../ask-and-wait.ts'
import { ASK_AND_WAIT_CODES, ASK_AND_WAIT_HEADERS, foreignResponses } from '../foreign-responses.ts'
import { buildOutput, checkOutputs, countTopK, OUTPUTS } from './outputs.ts'
import { readInferRequest, type Infer } from './read-infer-request.ts'
import { requireVersion } from './require-version.ts'
import { InferenceError, InferRequest, InferResponse, MODEL_PATHS, MODEL_VERSION } from './schemas.ts'
import { encodeTensor } from './tensors.ts'

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
      Type.Literal('identity', { description: 'Bodies are taken as they are; pictures are compressed' }),
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

/** The answer as the protocol has it; outputs as binary data where that was asked for. */
const sendOutputs = (
  reply: FastifyReply,
  { id, outputs, isBinary }: Infer,
  { model, output }: { model: Prediction['model']; output: NonNullable<Prediction['output']> },
): FastifyReply => {
  const binary: Buffer[] = []
  const described = (outputs.length === 0 ? OUTPUTS : outputs).map((requested: Infer['outputs'][number]) => {
    const { name, datatype, data } = buildOutput(requested, output)
    const tensor = { name, datatype, shape: [data.length] }
    if (!(requested.parameters?.binary_data ?? isBinary)) return { ...tensor, data }
    const bytes = encodeTensor({ name, datatype, data } as Parameters<typeof encodeTensor>[0])
    binary.push(bytes)
    return { ...tensor, parameters: { binary_data_size: bytes.length } }
  })
  const answer = { model_name: model.name, model_version: MODEL_VERSION, outputs: described }
  const json = Buffer.from(JSON.stringify(id === null ? answer : { id, ...answer }))
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
          const { model } = request.params as { model: string }
          const options = { model, top_k: countTopK(infer.outputs) }
          return sendOutputs(reply, infer, await askAndWait(request, reply, { upload, options }))
        },
      )
    }
  }
