import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { expectNothingStored, expectProblem, PICTURE, postBody, postForm } from '../testing/requests.ts'

const PATH = '/v1/predictions'

const BAD_OPTIONS: Array<[name: string, value: string, detail: RegExp]> = [
  ['top_k', '0', /top_k must be >= 1/],
  ['top_k', '21', /top_k must be <= 20/],
  ['top_k', 'abc', /top_k must be integer/],
  ['top_k', '2.5', /top_k must be integer/],
  ['top_k', '', /top_k must be integer/],
  ['topk', '3', /topk is not known here/],
  ['metadata', '{"a":', /metadata is not JSON/],
  ['metadata', '[1,2]', /metadata must be a JSON object/],
  ['metadata', '"text"', /metadata must be a JSON object/],
  ['metadata', 'null', /metadata must be a JSON object/],
  ['metadata', JSON.stringify({ a: 'x'.repeat(5000) }), /metadata must NOT have more than 4096/],
  ['model', 'm'.repeat(65), /model must NOT have more than 64/],
  ['webhook', `https://example.com/${'x'.repeat(2048)}`, /webhook must NOT have more than 2048/],
]

for (const [name, value, detail] of BAD_OPTIONS) {
  test(`${name}=${value.slice(0, 20)} is refused, as form field and as query`, async (t) => {
    const gateway = await openTestGateway(t)
    const asField = await expectProblem(
      await postForm(gateway, { fields: { [name]: value } }),
      'request_invalid',
    )
    assert.match(asField.detail, detail)
    const query = new URLSearchParams({ [name]: value }).toString()
    const raw = await postBody(gateway, `${PATH}?${query}`, 'image/jpeg', PICTURE)
    assert.match((await expectProblem(raw, 'request_invalid')).detail, detail)
    await expectNothingStored(gateway)
  })
}

test('metadata with few characters but too many bytes is refused', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postForm(gateway, { fields: { metadata: JSON.stringify({ a: '犬'.repeat(2000) }) } })
  const { detail } = await expectProblem(answer, 'request_invalid')
  assert.match(detail, /metadata may have at most 4096 bytes/)
  await expectNothingStored(gateway)
})

test('an option that is given twice in the query is refused', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postBody(gateway, `${PATH}?top_k=2&top_k=3`, 'image/jpeg', PICTURE)
  await expectProblem(answer, 'request_invalid')
  await expectNothingStored(gateway)
})

test('a form field longer than 8 KiB is refused', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postForm(gateway, { fields: { metadata: JSON.stringify({ a: 'x'.repeat(9000) }) } })
  assert.match((await expectProblem(answer, 'request_invalid')).detail, /metadata is too long/)
  await expectNothingStored(gateway)
})

test('field names that would reach into Object.prototype are refused', async (t) => {
  const gateway = await openTestGateway(t)
  for (const name of ['__proto__', 'constructor', 'toString']) {
    for (const path of ['/', PATH]) {
      await expectProblem(await postForm(gateway, { path, fields: { [name]: 'x' } }), 'request_invalid')
      const form = new FormData()
      form.set(name, new Blob([PICTURE]), 'photo.jpg')
      const asFile = await fetch(`${gateway.url}${path}`, { method: 'POST', body: form })
      await expectProblem(asFile, 'request_invalid')
    }
  }
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
  await expectNothingStored(gateway)
})

test('more than 16 fields are refused', async (t) => {
  const gateway = await openTestGateway(t)
  const fields = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`field${i}`, 'x']))
  await expectProblem(await postForm(gateway, { path: '/', fields }), 'request_invalid')
  await expectNothingStored(gateway)
})

test('a webhook without WEBHOOK_SECRET is refused', async (t) => {
  const gateway = await openTestGateway(t)
  const answer = await postForm(gateway, { fields: { webhook: 'https://example.com/hook' } })
  await expectProblem(answer, 'webhooks_disabled')
  await expectNothingStored(gateway)
})
