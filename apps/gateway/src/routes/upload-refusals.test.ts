import type { ErrorCode } from '@menagerie/contract/errors'
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectNothingStored, expectProblem, PICTURE, postBody } from '../testing/requests.ts'

const BOUNDARY = 'a-boundary'
const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`
const JPEG = PICTURE.toString('latin1')

const filePart = (name: string, bytes: string, filename = 'photo.jpg'): string =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
  `content-type: image/jpeg\r\n\r\n${bytes}\r\n`
const textPart = (name: string, text: string): string =>
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`
const END = `--${BOUNDARY}--\r\n`

interface BadUpload {
  what: string
  contentType?: string
  body: string
  code: ErrorCode
  detail?: RegExp
  /** Both, when left out. */
  paths?: string[]
}

const BAD_UPLOADS: BadUpload[] = [
  { what: 'a form without parts', body: END, code: 'file_missing', detail: /form is empty/ },
  {
    what: 'a field in place of a file',
    body: textPart('file', 'photo.jpg') + END,
    code: 'file_missing',
    detail: /only text fields \(file\).*-F file=@photo\.jpg/,
  },
  { what: 'two files', body: filePart('file', JPEG) + filePart('other', JPEG) + END, code: 'files_too_many' },
  {
    what: 'two files under the same name',
    body: filePart('file', JPEG) + filePart('file', JPEG) + END,
    code: 'files_too_many',
  },
  { what: 'an empty file in a form', body: filePart('file', '') + END, code: 'file_empty' },
  { what: 'an empty file without a name', body: filePart('file', '', '') + END, code: 'file_empty' },
  {
    what: 'text named .jpg in a form',
    body: filePart('file', 'This is a text that is longer than all magic numbers are.') + END,
    code: 'image_type_unsupported',
    detail: /^this is not an image of a known type; accepted are JPEG, PNG, WebP, GIF or AVIF$/,
  },
  { what: 'a short text named .jpg', body: filePart('file', 'no') + END, code: 'image_type_unsupported' },
  {
    what: 'a HEIC file',
    body: filePart('file', `\0\0\0\x18ftypheic${'\0'.repeat(100)}`) + END,
    code: 'image_type_unsupported',
    detail: /^this is a HEIC image; accepted are /,
  },
  {
    what: 'an SVG file',
    contentType: 'image/svg+xml',
    body: '<svg xmlns="http://www.w3.org/2000/svg"/>',
    code: 'image_type_unsupported',
  },
  {
    what: 'text sent as image/jpeg',
    contentType: 'image/jpeg',
    body: 'x'.repeat(100),
    code: 'image_type_unsupported',
  },
  { what: 'an empty body sent as image/jpeg', contentType: 'image/jpeg', body: '', code: 'file_empty' },
  {
    what: 'a form that names no boundary',
    contentType: 'multipart/form-data',
    body: filePart('file', JPEG) + END,
    code: 'multipart_invalid',
    detail: /boundary/,
  },
  {
    what: 'a form with another boundary than it names',
    contentType: 'multipart/form-data; boundary=another',
    body: filePart('file', JPEG) + END,
    code: 'multipart_invalid',
  },
  {
    what: 'a form that ends in the file',
    body: filePart('file', JPEG).slice(0, -50),
    code: 'multipart_invalid',
  },
  { what: 'a form without its last boundary', body: filePart('file', JPEG), code: 'multipart_invalid' },
  {
    what: 'a form that ends in the head of a part',
    body: `--${BOUNDARY}\r\ncontent-disposition: form-da`,
    code: 'multipart_invalid',
  },
  { what: 'JSON', contentType: 'application/json', body: '{}', code: 'media_type_unsupported', paths: ['/'] },
  {
    what: 'what curl -d sends',
    contentType: 'application/x-www-form-urlencoded',
    body: 'file=photo.jpg',
    code: 'media_type_unsupported',
    detail: /multipart\/form-data/,
  },
  { what: 'plain text', contentType: 'text/plain', body: 'hello', code: 'media_type_unsupported' },
  {
    what: 'bytes of no stated kind',
    contentType: 'application/octet-stream',
    body: JPEG,
    code: 'media_type_unsupported',
  },
  {
    what: 'a content type that is none',
    contentType: 'nonsense',
    body: JPEG,
    code: 'media_type_unsupported',
  },
]

const refuse = async (t: TestContext, path: string, bad: BadUpload): Promise<void> => {
  const gateway = await openTestGateway(t)
  const body = Buffer.from(bad.body, 'latin1')
  const problem = await expectProblem(
    await postBody(gateway, path, bad.contentType ?? FORM_TYPE, body),
    bad.code,
  )
  if (bad.detail !== undefined) assert.match(problem.detail, bad.detail)
  await expectNothingStored(gateway)
  assert.equal((await fetch(`${gateway.url}/livez`)).status, 200)
}

for (const bad of BAD_UPLOADS) {
  for (const path of bad.paths ?? ['/', '/v1/predictions']) {
    test(`POST ${path}: ${bad.what} is ${bad.code}`, (t) => refuse(t, path, bad))
  }
}

test('a request without a body is file_missing', async (t) => {
  const gateway = await openTestGateway(t)
  for (const path of ['/', '/v1/predictions']) {
    await expectProblem(await fetch(`${gateway.url}${path}`, { method: 'POST' }), 'file_missing')
  }
})

test('what is no route is route_not_found, with and without a body', async (t) => {
  const gateway = await openTestGateway(t)
  const { detail } = await expectProblem(await fetch(`${gateway.url}/v1/nothing?secret=1`), 'route_not_found')
  assert.equal(detail, 'there is no GET /v1/nothing')
  await expectProblem(await fetch(`${gateway.url}/`), 'route_not_found')
  await expectProblem(await postBody(gateway, '/livez', 'image/jpeg', PICTURE), 'route_not_found')
  await expectProblem(await fetch(`${gateway.url}/v1/predictions`, { method: 'DELETE' }), 'route_not_found')
})

test('a path that cannot be decoded is request_invalid', async (t) => {
  const gateway = await openTestGateway(t)
  await expectProblem(await fetch(`${gateway.url}/v1/predictions/%E0%A4%A`), 'request_invalid')
})
