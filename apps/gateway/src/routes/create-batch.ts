import { BatchOptions } from '@menagerie/contract/batch'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AppDeps, AppOptions } from '../app.ts'
import { receiveBatch } from '../batches/receive-batch.ts'
import { batchPath } from '../batches/view-batch.ts'
import { readSubmitHeaders, SUBMIT_HEADERS } from '../request-headers.ts'
import { BATCH_PAGE } from './batch-params.ts'
import { problemResponses } from './problem-responses.ts'
import { KEY_CODES } from './upload-body.ts'

const Binary = Type.String({ format: 'binary' })

const Items = Type.String({
  description:
    'A JSON object: for names of files, or of entries in the archive, their `custom_id` and `metadata`. Default of ' +
    '`custom_id`: the name',
  examples: ['{"dog.jpg":{"custom_id":"order-17","metadata":{"shelf":3}}}'],
})

const documentedBody = {
  'multipart/form-data': {
    schema: Type.Object(
      {
        ...BatchOptions.properties,
        items: Items,
        file: Type.Array(Binary, {
          minItems: 1,
          description:
            'The pictures, under any field names, behind all other fields; or one ZIP archive with them inside',
        }),
      },
      { required: ['file'] },
    ),
  },
  'application/zip': { schema: Binary },
}

const schema = {
  tags: ['batches'],
  summary: 'Ask for predictions of many pictures',
  description:
    'At most 1,000 pictures: as the files of a form, with the options as fields before them, or in a ZIP archive, which is ' +
    'the one file of a form or the body itself, with the options in the query. Folders, hidden files and `__MACOSX` in an ' +
    'archive are skipped. A picture that cannot be taken (such as `file_empty`, `image_type_unsupported`, `archive_entry_invalid`) becomes an item ' +
    'that has failed; the others go on. ' +
    '`Idempotency-Key` and `Cancel-After` are meant for the batch as a whole.',
  querystring: BatchOptions,
  headers: Type.Object(SUBMIT_HEADERS),
  response: {
    202: {
      description: 'Accepted: all its predictions are in the queue and will not be lost',
      headers: { location: Type.String({ description: 'Where the batch can be read' }) },
      content: { 'application/json': { schema: Type.Ref('Batch') } },
    },
    ...problemResponses(
      'request_invalid',
      'api_key_invalid',
      'multipart_invalid',
      'file_missing',
      'model_not_found',
      'payload_too_large',
      'media_type_unsupported',
      'batch_invalid',
      'archive_invalid',
      'webhook_refused',
      'webhooks_disabled',
      ...KEY_CODES,
      'rate_limited',
      'share_exhausted',
      'internal_error',
      'queue_unavailable',
      'queue_full',
      'upload_store_unavailable',
    ),
  },
}

/** `POST /v1/batches` */
export const createBatchRoute =
  (deps: AppDeps, options: AppOptions): FastifyPluginAsyncTypebox =>
  async (app) => {
    // Here alone: no other call takes one.
    app.addContentTypeParser('application/zip', (_request, payload, done) => done(null, payload))
    app.removeContentTypeParser(/^image\//)
    const config = { admits: true, heldBytesMax: options.uploadBytesMax, documentedBody }
    app.post('/v1/batches', { schema, config }, async (request, reply) => {
      const baseUrl = deps.baseUrl(request)
      const received = await receiveBatch(request, options.batchBytesMax)
      const read = await deps.batches.acceptBatch({
        ...received,
        ...readSubmitHeaders(request.headers),
        tenant: request.tenant,
        baseUrl,
        trace: request.span.context,
      })
      reply.code(202).header('location', batchPath(read.batch.id))
      return deps.batchViewer.viewBatch(read, { baseUrl, offset: 0, limit: BATCH_PAGE })
    })
  }
