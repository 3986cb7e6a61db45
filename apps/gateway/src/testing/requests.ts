import { ERRORS, type ErrorCode } from '@menagerie/contract/errors'
import type { Prediction } from '@menagerie/contract/prediction'
import type { Problem } from '@menagerie/contract/problem'
import { makeForm } from '@menagerie/harness/form'
import assert from 'node:assert/strict'
import type { TestGateway } from './open-test-gateway.ts'

/** The first bytes of a JPEG: enough for a gateway, which does not decode. */
export const PICTURE = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(2000, 7)])

export interface PostOptions {
  path?: string
  fields?: Record<string, string>
  headers?: Record<string, string>
  picture?: Buffer
}

/** Posts a form with a picture, by default to `/v1/predictions`. */
export const postForm = (gateway: TestGateway, options: PostOptions = {}): Promise<Response> => {
  const { path = '/v1/predictions', fields = {}, headers = {}, picture = PICTURE } = options
  return fetch(`${gateway.url}${path}`, { method: 'POST', body: makeForm(picture, fields), headers })
}

/** Posts a body as it is. */
export const postBody = (
  gateway: TestGateway,
  path: string,
  contentType: string,
  body: string | Uint8Array,
): Promise<Response> =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  })

export const readPrediction = async (answer: Response): Promise<Prediction> =>
  (await answer.json()) as Prediction

/** Posts a picture that must be accepted, and returns its prediction. */
export const submit = async (gateway: TestGateway, options: PostOptions = {}): Promise<Prediction> => {
  const answer = await postForm(gateway, options)
  assert.equal(answer.status, 202)
  return readPrediction(answer)
}

export const getPrediction = async (gateway: TestGateway, id: string, query = ''): Promise<Prediction> => {
  const answer = await fetch(`${gateway.url}/v1/predictions/${id}${query}`)
  assert.equal(answer.status, 200)
  return readPrediction(answer)
}

export const cancel = (gateway: TestGateway, id: string): Promise<Response> =>
  fetch(`${gateway.url}/v1/predictions/${id}/cancel`, { method: 'POST' })

/** Checks that an answer is the problem document of this code, and returns it. */
export const expectProblem = async (answer: Response, code: ErrorCode): Promise<Problem> => {
  const text = await answer.text()
  const { status, title } = ERRORS[code]
  assert.equal(answer.status, status, text)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const problem = JSON.parse(text) as Problem
  assert.equal(problem.code, code, text)
  assert.equal(problem.type, `urn:menagerie:error:${code}`)
  assert.equal(problem.title, title)
  assert.equal(problem.status, status)
  assert.ok(problem.detail.length > 0)
  assert.ok(problem.request_id.length > 0)
  if (status === 503) assert.ok(Number(answer.headers.get('retry-after')) > 0)
  return problem
}

/** Checks that a refused request left nothing in Redis: no picture, no job. */
export const expectNothingStored = async (gateway: TestGateway): Promise<void> => {
  assert.deepEqual(await gateway.listUploads(), [])
  assert.equal(await gateway.queue.count(), 0)
}
