import type { Batch, BatchResult } from '@menagerie/contract/batch'
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import yazl from 'yazl'
import type { TestGateway } from './open-test-gateway.ts'
import { PICTURE } from './requests.ts'

export interface BatchOptions {
  fields?: Record<string, string>
  headers?: Record<string, string>
}

/** A picture that no other is like. */
export const makePicture = (number: number): Buffer =>
  Buffer.concat([PICTURE, Buffer.from(`picture ${number}`)])

/** Files by their names; of the names that begin with a digit, an object would change the order. */
export type Files = Array<readonly [name: string, bytes: Uint8Array]>

export const makeFiles = (count: number): Files =>
  Array.from({ length: count }, (_, i) => [`${i}.jpg`, makePicture(i)] as const)

export const makeBatchForm = (files: Files, fields: Record<string, string> = {}): FormData => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  for (const [name, bytes] of files) form.append('file', new Blob([new Uint8Array(bytes)]), name)
  return form
}

/** Posts pictures as the files of a form. */
export const postBatch = (
  gateway: TestGateway,
  files: Files,
  options: BatchOptions = {},
): Promise<Response> =>
  fetch(`${gateway.url}/v1/batches`, {
    method: 'POST',
    body: makeBatchForm(files, options.fields),
    headers: options.headers ?? {},
  })

export const readBatch = async (answer: Response): Promise<Batch> => (await answer.json()) as Batch

/** Posts pictures that must be accepted, and returns their batch. */
export const submitBatch = async (
  gateway: TestGateway,
  files: Files,
  options: BatchOptions = {},
): Promise<Batch> => {
  const answer = await postBatch(gateway, files, options)
  if (answer.status !== 202) assert.fail(`${answer.status}: ${await answer.text()}`)
  return readBatch(answer)
}

export const getBatch = async (gateway: TestGateway, id: string, query = ''): Promise<Batch> => {
  const answer = await fetch(`${gateway.url}/v1/batches/${id}${query}`)
  assert.equal(answer.status, 200)
  return readBatch(answer)
}

export const cancelBatch = (gateway: TestGateway, id: string): Promise<Response> =>
  fetch(`${gateway.url}/v1/batches/${id}/cancel`, { method: 'POST' })

export const parseLines = (lines: string): BatchResult[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BatchResult)

/** All results, once the stream has ended. */
export const getResults = async (gateway: TestGateway, id: string, query = ''): Promise<BatchResult[]> => {
  const answer = await fetch(`${gateway.url}/v1/batches/${id}/results${query}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
  return parseLines(await answer.text())
}

/** An ordinary archive. */
export const makeZip = async (
  files: Array<readonly [name: string, bytes: Uint8Array]>,
  options: { compress?: boolean; folders?: string[] } = {},
): Promise<Buffer> => {
  const zip = new yazl.ZipFile()
  for (const name of options.folders ?? []) zip.addEmptyDirectory(name)
  for (const [name, bytes] of files) {
    zip.addBuffer(Buffer.from(bytes), name, { compress: options.compress ?? true })
  }
  zip.end()
  return buffer(zip.outputStream)
}

/** Posts an archive as the body. */
export const postZip = (gateway: TestGateway, zip: Uint8Array, query = ''): Promise<Response> =>
  fetch(`${gateway.url}/v1/batches${query}`, {
    method: 'POST',
    body: new Uint8Array(zip),
    headers: { 'content-type': 'application/zip' },
  })
