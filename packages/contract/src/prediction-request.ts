import Type, { type Static } from 'typebox'
import { Metadata, PredictionOptions } from './prediction.ts'

/** The body of `POST /v1/predictions` as JSON: the picture, and the options that a form has as fields. */
export const PredictionRequestBody = Type.Object(
  {
    input: Type.Object(
      {
        image: Type.String({
          minLength: 1,
          description:
            'The picture as a data URL in base64, or (where the server has URL_INPUTS=1) the https URL to fetch it from',
        }),
      },
      { additionalProperties: false },
    ),
    ...PredictionOptions.properties,
    metadata: Type.Optional(
      Type.Unsafe<Record<string, unknown>>({
        ...Metadata,
        description: 'An object of yours, returned with the prediction; at most 4096 bytes as JSON',
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [
      {
        input: { image: 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==' },
        top_k: 3,
        metadata: { order: 'A-17' },
      },
      { input: { image: 'https://images.example/dog.jpg' }, model: 'densenet-121' },
    ],
  },
)
export type PredictionRequestBody = Static<typeof PredictionRequestBody>
