import { TOP_K_MAX } from '@menagerie/contract/prediction'
import Type, { type Static } from 'typebox'

// What the protocol lets servers ignore (priority, timeout, sequence_id, …) is taken and ignored.
const RequestParameters = Type.Object({
  binary_data_output: Type.Optional(Type.Boolean({ description: 'Outputs come as binary data' })),
})

const Tensor = {
  name: Type.String({ maxLength: 255 }),
  shape: Type.Array(Type.Integer({ minimum: -1 }), { minItems: 1, maxItems: 4 }),
  datatype: Type.String(),
}

const RequestInput = Type.Object({
  ...Tensor,
  parameters: Type.Optional(
    Type.Object({
      binary_data_size: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Bytes of this tensor behind the JSON' }),
      ),
    }),
  ),
  data: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 1, description: 'The picture in base64' })),
})
export type RequestInput = Static<typeof RequestInput>

const RequestOutput = Type.Object({
  name: Type.String({ maxLength: 255 }),
  parameters: Type.Optional(
    Type.Object({
      binary_data: Type.Optional(Type.Boolean({ description: 'This output comes as binary data' })),
      classification: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: TOP_K_MAX,
          description: 'Of `probabilities`: that many strings `probability:index:name` in place of numbers',
        }),
      ),
    }),
  ),
})
export type RequestOutput = Static<typeof RequestOutput>

/** The body of `POST /v2/models/{model}/infer`, or what of it stands before the binary data. */
export const InferRequest = Type.Object(
  {
    id: Type.Optional(Type.String({ maxLength: 255, description: 'Comes back in the answer' })),
    parameters: Type.Optional(RequestParameters),
    inputs: Type.Array(RequestInput, { minItems: 1, maxItems: 1 }),
    outputs: Type.Optional(Type.Array(RequestOutput, { maxItems: 16 })),
  },
  {
    examples: [
      {
        id: '42',
        inputs: [
          {
            name: 'image',
            shape: [1],
            datatype: 'BYTES',
            data: ['R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=='],
          },
        ],
        outputs: [{ name: 'probabilities', parameters: { classification: 3 } }],
      },
    ],
  },
)
export type InferRequest = Static<typeof InferRequest>

export const InferResponse = Type.Object(
  {
    id: Type.Optional(Type.String()),
    model_name: Type.String(),
    model_version: Type.String(),
    outputs: Type.Array(
      Type.Object({
        ...Tensor,
        parameters: Type.Optional(Type.Object({ binary_data_size: Type.Integer() })),
        data: Type.Optional(
          Type.Array(Type.Unknown(), { description: 'Absent where it comes as binary data' }),
        ),
      }),
    ),
  },
  {
    examples: [
      {
        id: '42',
        model_name: 'densenet-121',
        model_version: '1',
        outputs: [
          {
            name: 'probabilities',
            datatype: 'BYTES',
            shape: [3],
            data: ['0.910000:207:golden_retriever', '0.040000:208:labrador_retriever', '0.010000:176:saluki'],
          },
        ],
      },
    ],
  },
)

export const InferenceError = Type.Object(
  { error: Type.String() },
  { description: 'An error as the protocol has them', examples: [{ error: 'there is no model "cat"' }] },
)

export const ServerMetadata = Type.Object(
  { name: Type.String(), version: Type.String(), extensions: Type.Array(Type.String()) },
  {
    description: 'The server, and the extensions of the protocol that it knows',
    examples: [{ name: 'menagerie', version: '1.0.0', extensions: ['binary_tensor_data', 'classification'] }],
  },
)

export const ServerLive = Type.Object(
  { live: Type.Boolean() },
  { description: 'The server answers', examples: [{ live: true }] },
)

export const ServerReady = Type.Object(
  { ready: Type.Boolean() },
  { description: 'Predictions are taken', examples: [{ ready: true }] },
)

export const ModelReady = Type.Object(
  { name: Type.String(), ready: Type.Boolean() },
  { description: 'A worker of this model is ready', examples: [{ name: 'densenet-121', ready: true }] },
)

export const ModelMetadata = Type.Object(
  {
    name: Type.String(),
    versions: Type.Array(Type.String()),
    platform: Type.String(),
    inputs: Type.Array(Type.Object(Tensor)),
    outputs: Type.Array(Type.Object(Tensor)),
  },
  {
    description: 'What the model takes and gives; a length of -1 is as many classes as are asked for',
    examples: [
      {
        name: 'densenet-121',
        versions: ['1'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
        outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1] }],
      },
    ],
  },
)
export type ModelMetadata = Static<typeof ModelMetadata>

const MODEL = {
  model: Type.String({ maxLength: 64, description: 'GET /v1/models lists them', examples: ['densenet-121'] }),
}

/** Models here have one version. */
export const MODEL_VERSION = '1'

/** Each call about a model exists without and with a version. */
export const MODEL_PATHS = [
  { path: '/models/:model', params: Type.Object(MODEL) },
  {
    path: '/models/:model/versions/:version',
    params: Type.Object({
      ...MODEL,
      version: Type.String({ maxLength: 64, description: 'The only one is 1', examples: [MODEL_VERSION] }),
    }),
  },
]
