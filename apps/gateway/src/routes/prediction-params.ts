import { PREDICTION_EXAMPLE } from '@menagerie/contract/prediction-example'
import Type from 'typebox'

export const PREDICTION_ID_LENGTH_MAX = 128

/** Path parameters of a route about one prediction. */
export const PREDICTION_PARAMS = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: PREDICTION_ID_LENGTH_MAX,
    description: 'Id of a prediction',
    examples: [PREDICTION_EXAMPLE.id],
  }),
})
