import Type, { type Static } from 'typebox'
import { Label, ModelManifest } from './model-manifest.ts'

/** What a worker publishes of its model, so that gateways can name classes without the weights. */
export const RegisteredModel = Type.Object({
  name: Type.String(),
  description: Type.String(),
  digest: Type.String(),
  trained: Type.Boolean(),
  animals_only: Type.Boolean(),
  /** Changes whenever the same bytes could get another answer. */
  fingerprint: Type.String(),
  input: ModelManifest.properties.input,
  labels: Type.Array(Label),
})
export type RegisteredModel = Static<typeof RegisteredModel>

/** `failed`: it waits for the store of the pictures, and takes nothing. */
export const WORKER_STATES = ['starting', 'ready', 'draining', 'failed'] as const
export type WorkerState = (typeof WORKER_STATES)[number]

/** A worker's heartbeat. */
export const WorkerHeartbeat = Type.Object({
  id: Type.String(),
  model: Type.String(),
  digest: Type.String(),
  state: Type.Enum([...WORKER_STATES]),
  /** Predictions that it runs at the same time, whatever number of cores one takes. */
  threads: Type.Integer(),
  /** Moving average of the time one prediction holds an inference thread. */
  service_ms: Type.Number(),
  rss_bytes: Type.Integer(),
  jobs: Type.Integer(),
  started_at: Type.String(),
})
export type WorkerHeartbeat = Static<typeof WorkerHeartbeat>

const MODEL_EXAMPLE = {
  name: 'densenet-121',
  description: 'DenseNet-121, trained on ImageNet',
  default: true,
  digest: 'sha256:2f1c1f3c0a7f4b0e9d7a6c5b4e3d2c1b0a99887766554433221100ffeeddccbb',
  trained: true,
  animals_only: false,
  classes: 1000,
  input: {
    layout: 'NCHW',
    channels: 'RGB',
    resize: 256,
    crop: 224,
    interpolation: 'bilinear',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  workers_ready: 2,
}

/** One entry of `GET /v1/models`. */
export const ModelView = Type.Object(
  {
    name: Type.String(),
    description: Type.Union([Type.String(), Type.Null()]),
    default: Type.Boolean({ description: 'Used when a request names no model' }),
    digest: Type.Union([Type.String(), Type.Null()], {
      description: 'sha256 of the weights; null until a worker has served this model',
    }),
    trained: Type.Union([Type.Boolean(), Type.Null()]),
    animals_only: Type.Union([Type.Boolean(), Type.Null()], {
      description: 'true: the workers answer among animals alone (ANIMALS_ONLY=1)',
    }),
    classes: Type.Union([Type.Integer(), Type.Null()]),
    input: Type.Union([ModelManifest.properties.input, Type.Null()]),
    workers_ready: Type.Integer(),
  },
  { examples: [MODEL_EXAMPLE] },
)
export type ModelView = Static<typeof ModelView>
