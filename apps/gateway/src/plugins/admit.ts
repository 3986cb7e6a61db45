import { AppError } from '@menagerie/contract/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { PRIORITIES, type Priority } from '@menagerie/contract/prediction'
import type { Admission } from '../admission.ts'
import { estimateWaitMs, type CapacityReader } from '../capacity.ts'
import { createTooLargeError } from '../receive-upload.ts'
import type { ModelCatalog } from '../model-catalog.ts'
import type { RateState, Shares } from '../tenants/shares.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** To be called when the picture is out of this process's hands; the end of the answer does it as well. */
    releaseUpload: () => void
  }
  interface FastifyContextConfig {
    /** It takes pictures: refused before the body is read where there is no room, or the tenant's share is used up. */
    admits?: boolean
    /** How much of its body is in memory at a time, where that is not all of it, in bytes. */
    heldBytesMax?: number
    /** The longest body that it takes with a picture in it. A longer one is refused before room is set aside for it. */
    bodyBytesMax?: number
  }
}

interface AdmitDeps {
  uploadBytesMax: number
  admission: Admission
  shares: Pick<Shares, 'admit'>
  readCapacity: CapacityReader
  catalog: Pick<ModelCatalog, 'defaultName' | 'has'>
}

/** The length that the body is said to have; null when nothing is said. */
const readLength = (request: FastifyRequest): number | null => {
  const header = request.headers['content-length']
  if (header !== undefined) return Number(header)
  return request.headers['transfer-encoding'] === undefined ? 0 : null
}

/** What of the body will be in memory; null when nothing is said. */
const readHeldLength = (request: FastifyRequest): number | null => {
  const length = readLength(request)
  const { heldBytesMax } = request.routeOptions.config
  return heldBytesMax === undefined ? length : Math.min(length ?? heldBytesMax, heldBytesMax)
}

/** The model, as far as the URL says: a form may still name another. */
const readModel = ({ params, query }: FastifyRequest): string | null => {
  const named = { ...(query as Record<string, unknown>), ...(params as Record<string, unknown>) }['model']
  return typeof named === 'string' ? named : null
}

/** Whoever reads a body that was cut before would wait without end, and so would room that is set aside for it. */
const requireClient = ({ raw }: FastifyRequest): void => {
  if (raw.complete ? !raw.socket.destroyed : !raw.destroyed) return
  throw new AppError('request_invalid', 'the client went away in the middle of its upload')
}

/** As far as the URL says: one that a form names is judged with its body. */
const readPriority = ({ query }: FastifyRequest): Priority => {
  const named = (query as Record<string, unknown>)['priority']
  return PRIORITIES.find((priority) => priority === named) ?? 'normal'
}

const toSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000))

/** As draft-ietf-httpapi-ratelimit-headers-10 has them: what is granted, what is left, seconds until all of it is. */
const sendRate = (reply: FastifyReply, { limit, windowMs, left, resetMs }: RateState): void => {
  reply.headers({
    'ratelimit-policy': `"predictions";q=${limit};w=${toSeconds(windowMs)}`,
    ratelimit: `"predictions";r=${left};t=${Math.ceil(resetMs / 1000)}`,
  })
}

/**
 * Decides before a byte of the body is read: `queue_full` when this service has no room, whoever asks; `rate_limited` and
 * `share_exhausted` when it is the tenant who has had enough.
 */
export const admit = fp<AdmitDeps>(
  (app, deps, done) => {
    const findModel = async (request: FastifyRequest): Promise<string> => {
      const named = readModel(request)
      return named !== null && (await deps.catalog.has(named)) ? named : deps.catalog.defaultName
    }

    const admitTenant = async (
      request: FastifyRequest,
      reply: FastifyReply,
      model: string,
    ): Promise<void> => {
      const isKeyed = request.headers['idempotency-key'] !== undefined
      const asked = { predictions: 1, bytes: readLength(request) ?? 0, isKeyed }
      try {
        const rate = await deps.shares.admit(request.tenant, asked)
        if (rate === null) return
        sendRate(reply, rate)
        if (rate.retryMs === 0) return
        const message = `you may send ${rate.limit} predictions a minute`
        throw new AppError('rate_limited', message, { retryAfterMs: rate.retryMs })
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'share_exhausted') throw error
        // About the time until one more is done.
        const retryAfterMs = estimateWaitMs(1, await deps.readCapacity(model))
        throw new AppError(error.code, error.message, retryAfterMs === null ? {} : { retryAfterMs })
      }
    }

    app.decorateRequest('releaseUpload', () => undefined)
    app.addHook('onRequest', async (request, reply) => {
      const { admits, bodyBytesMax = Number.POSITIVE_INFINITY } = request.routeOptions.config
      if (admits !== true) return
      if ((readLength(request) ?? 0) > bodyBytesMax) throw createTooLargeError(deps.uploadBytesMax)
      const model = await findModel(request)
      await deps.admission.requireRoom(model, request.tenant.id, readPriority(request))
      requireClient(request)
      request.releaseUpload = deps.admission.reserve(readHeldLength(request))
      reply.raw.once('close', request.releaseUpload)
      await admitTenant(request, reply, model)
      requireClient(request)
    })

    // Node would ask for the body at once; a client that waits to be asked need not send what is refused.
    app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response))
    app.addHook('preParsing', async (request, reply) => {
      if (request.headers.expect?.toLowerCase() === '100-continue') reply.raw.writeContinue()
    })
    done()
  },
  { name: 'admit', dependencies: ['authenticate'] },
)
