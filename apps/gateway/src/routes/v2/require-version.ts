import { AppError } from '@menagerie/contract/errors'
import type { FastifyRequest } from 'fastify'
import { MODEL_VERSION } from './schemas.ts'

/** @throws AppError `model_not_found` for another version than the only one */
export const requireVersion = ({ params }: Pick<FastifyRequest, 'params'>): void => {
  const { model, version = MODEL_VERSION } = params as { model: string; version?: string }
  if (version === MODEL_VERSION) return
  throw new AppError('model_not_found', `model "${model}" has version ${MODEL_VERSION} only`)
}
