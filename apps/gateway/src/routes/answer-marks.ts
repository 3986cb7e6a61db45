import type { Prediction } from '@menagerie/contract/prediction'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'

/** Schemas of the headers that `markAnswer` may set. */
export const MARK_HEADERS = {
  'menagerie-trained': Type.String({
    description: '`false` when the stand-in answered, whose answers mean nothing',
  }),
  'menagerie-confident': Type.String({
    description: '`false` when the model is unsure: do not show the answer as a fact',
  }),
}

/** Says what bodies have no room for. */
export const markAnswer = (reply: FastifyReply, { output, model }: Prediction): FastifyReply => {
  if (model.trained === false) reply.header('menagerie-trained', 'false')
  if (output?.confident === false) reply.header('menagerie-confident', 'false')
  return reply
}
