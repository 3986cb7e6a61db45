import type { S3Answer, S3Client, S3Request } from './s3-client.ts'
import { storeError } from './store-error.ts'
import { isSafeUploadId, requireSafeUploadId } from './upload-id.ts'
import type { UploadStore } from './upload-store.ts'

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** What stands in each element of this name. Ours hold text alone, and keys of ours no character that is escaped. */
const readElements = (xml: string, name: string): string[] =>
  Array.from(xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g')), ([, text = '']) =>
    text.replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity] ?? ''),
  )

/**
 * Uploads as objects of a bucket. Objects do not go by themselves, so the sweep has to list them all; a lifecycle rule of
 * the bucket may be its backstop.
 */
export const createS3UploadStore = (
  deps: { send: S3Client },
  options: {
    /** What every key begins with; ends with a slash. */
    prefix: string
  },
): UploadStore => {
  const keyOf = (id: string): string => options.prefix + id

  const send = async (request: S3Request): Promise<S3Answer> => {
    try {
      const answer = await deps.send(request)
      // Only what the server names so is gone: a bucket, or a proxy on the way, may not be found either.
      if (answer.status < 300 || answer.code === 'NoSuchKey') return answer
      throw new Error(`the S3 server answered ${request.method} with ${answer.status} ${answer.code}`)
    } catch (error) {
      throw storeError(error)
    }
  }

  const listPage = async (
    token: string | undefined,
  ): Promise<{ keys: string[]; next: string | undefined }> => {
    const query = { 'list-type': '2', prefix: options.prefix }
    const after = token === undefined ? {} : { 'continuation-token': token }
    const { body } = await send({ method: 'GET', query: { ...query, ...after } })
    const xml = body.toString()
    const [isTruncated] = readElements(xml, 'IsTruncated')
    const [next] = readElements(xml, 'NextContinuationToken')
    if (isTruncated === 'true' && next === undefined) {
      throw storeError(new Error('the S3 server has more keys and does not say how to ask for them'))
    }
    return { keys: readElements(xml, 'Key'), next: isTruncated === 'true' ? next : undefined }
  }

  return {
    async put(id, bytes) {
      requireSafeUploadId(id)
      await send({ method: 'PUT', key: keyOf(id), body: bytes })
    },
    async get(id) {
      if (!isSafeUploadId(id)) return null
      const { body, code } = await send({ method: 'GET', key: keyOf(id) })
      return code === '' ? body : null
    },
    async delete(id) {
      if (isSafeUploadId(id)) await send({ method: 'DELETE', key: keyOf(id) })
    },
    async *list() {
      let next: string | undefined
      do {
        const page = await listPage(next)
        for (const key of page.keys) {
          const id = key.slice(options.prefix.length)
          if (key.startsWith(options.prefix) && isSafeUploadId(id)) yield id
        }
        next = page.next
      } while (next !== undefined)
    },
  }
}
