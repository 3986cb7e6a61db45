import Type, { type Static } from 'typebox'

/** When an answer counts as confident; both numbers are probabilities. See docs/confidence.md. */
export const ConfidenceRule = Type.Object(
  {
    probability_min: Type.Number({ minimum: 0, maximum: 1 }),
    margin_min: Type.Number({ minimum: 0, maximum: 1 }),
  },
  { additionalProperties: false },
)
export type ConfidenceRule = Static<typeof ConfidenceRule>

/** Neighbouring classes, from the first index to the last, both included. */
export const ClassRange = Type.Object(
  { first: Type.Integer({ minimum: 0 }), last: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
)
export type ClassRange = Static<typeof ClassRange>

/**
 * What a model is, as data beside its weights (`models/<name>/manifest.json`).
 *
 * A pixel becomes a model input by `(pixel * scale - mean[c]) / std[c]`, with `c` counted in the order of
 * `channels`. Tensor names, batch size and output shape are not here: the session reads them from the file.
 */
export const ModelManifest = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$', maxLength: 64 }),
    description: Type.String(),
    licence: Type.String(),
    source: Type.String(),
    file: Type.Object({
      sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      bytes: Type.Integer({ minimum: 1 }),
      urls: Type.Array(Type.String()),
    }),
    input: Type.Object({
      layout: Type.Literal('NCHW'),
      channels: Type.Union([Type.Literal('RGB'), Type.Literal('BGR')]),
      resize: Type.Integer({ minimum: 1 }),
      crop: Type.Integer({ minimum: 1 }),
      interpolation: Type.Literal('bilinear'),
      scale: Type.Number(),
      mean: Type.Tuple([Type.Number(), Type.Number(), Type.Number()]),
      std: Type.Tuple([Type.Number(), Type.Number(), Type.Number()]),
    }),
    output: Type.Literal('logits'),
    labels: Type.String(),
    confidence: Type.Optional(ConfidenceRule),
    /** Which classes are animals, for ANIMALS_ONLY. */
    animals: Type.Optional(ClassRange),
  },
  { additionalProperties: false },
)
export type ModelManifest = Static<typeof ModelManifest>
export type ModelInput = ModelManifest['input']

/** One class: WordNet id and name, e.g. `['n02099601', 'golden_retriever']`. Its place in the list is its index. */
export const Label = Type.Tuple([Type.String(), Type.String()])
export type Label = Static<typeof Label>
