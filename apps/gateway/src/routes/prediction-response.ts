import Type from 'typebox'

/** Response schema of an answer that is a Prediction with its place in `Location`. */
export const predictionResponse = (description: string, headers: Record<string, Type.TSchema> = {}) => ({
  description,
  headers: { location: Type.String({ description: 'Where the prediction can be read' }), ...headers },
  content: { 'application/json': { schema: Type.Ref('Prediction') } },
})
