import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

const FORBIDDEN = '<Error><Code>AccessDenied</Code></Error>'

/**
 * A small S3 server that answers for an object that is not there as Amazon does where the key may not list the bucket: 403.
 * It asks for no signature, and can be told to leave requests without an answer.
 */
export const startStrictS3 = async () => {
  const objects = new Map<string, Buffer>()
  const asked: string[] = []
  let silentMethod: string | null = null
  let isListEndless = false

  const answerGet = (key: string, response: ServerResponse): void => {
    if (key === '') {
      const contents = [...objects.keys()].map((name) => `<Contents><Key>${name}</Key></Contents>`)
      const more = '<NextContinuationToken>more</NextContinuationToken>'
      const end = `<IsTruncated>${isListEndless}</IsTruncated>${isListEndless ? more : ''}`
      const page = `<ListBucketResult>${contents.join('')}${end}</ListBucketResult>`
      return void response.end(page)
    }
    const bytes = objects.get(key)
    if (bytes === undefined) response.writeHead(403).end(FORBIDDEN)
    else response.end(bytes)
  }

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, , ...parts] = new URL(request.url ?? '', 'http://any').pathname.split('/')
    const key = parts.join('/')
    const body = await buffer(request)
    asked.push(request.method ?? '')
    if (request.method === silentMethod) return
    if (request.method === 'GET') return answerGet(key, response)
    if (request.method === 'PUT') objects.set(key, body)
    else objects.delete(key)
    response.end()
  }

  const server = createServer((request, response) => void respond(request, response).catch(() => undefined))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    env: {
      UPLOAD_STORE: 's3',
      S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      S3_BUCKET: 'pictures',
      S3_ACCESS_KEY_ID: 'key',
      S3_SECRET_ACCESS_KEY: 'secret',
    },
    /** By their keys. */
    objects,
    countRequests: (method: string): number => asked.filter((other) => other === method).length,
    /** From now on such requests get no answer. */
    silence(method: string): void {
      silentMethod = method
    },
    /** From now on each list has the same again and again, and no end. */
    listWithoutEnd(): void {
      isListEndless = true
    },
    async stop(): Promise<void> {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
