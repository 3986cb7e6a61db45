import { waitUntil } from '@menagerie/harness/processes'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createGate,
  failWith,
  makeReturnValue,
  registerFakeWorker,
  startFakeWorker,
} from '../../testing/fake-worker.ts'
import { MODEL, openTestGateway, type TestGateway } from '../../testing/open-test-gateway.ts'
import { as, withTenants } from '../../testing/tenants.ts'
import {
  expectNothingStored,
  getPrediction,
  PICTURE,
  postForm,
  readPrediction,
} from '../../testing/requests.ts'

const PATH = `/v2/models/${MODEL}/infer`
const INPUT = { name: 'image', shape: [1], datatype: 'BYTES' }
const HEADER_LENGTH = 'inference-header-content-length'

interface Output {
  name: string
  datatype: string
  shape: number[]
  data?: unknown[]
  parameters?: { binary_data_size: number }
}
interface InferAnswer {
  id?: string
  model_name: string
  model_version: string
  outputs: Output[]
}

const jsonRequest = (changes: object = {}) => ({
  inputs: [{ ...INPUT, data: [PICTURE.toString('base64')] }],
  ...changes,
})

const postInfer = (
  gateway: TestGateway,
  body: unknown,
  { path = PATH, headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Promise<Response> =>
  fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
  })

/** An element of a BYTES tensor: its length in 4 bytes, little-endian, and itself. */
const encodeElement = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A request as Triton's clients make it: JSON, the tensor behind it, and no content type. */
const postBinary = (
  gateway: TestGateway,
  {
    tail = encodeElement(PICTURE),
    size = tail.length,
    changes = {},
  }: { tail?: Buffer; size?: number; changes?: object } = {},
): Promise<Response> => {
  const json = Buffer.from(
    JSON.stringify({ inputs: [{ ...INPUT, parameters: { binary_data_size: size } }], ...changes }),
  )
  return fetch(`${gateway.url}${PATH}`, {
    method: 'POST',
    headers: { [HEADER_LENGTH]: String(json.length) },
    body: new Uint8Array(Buffer.concat([json, tail])),
  })
}

const readAnswer = async (response: Response): Promise<InferAnswer> => {
  const text = await response.text()
  assert.equal(response.status, 200, text)
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  return JSON.parse(text) as InferAnswer
}

/** As Triton's clients read an answer with binary data: the outputs in their order behind the JSON. */
const readBinaryAnswer = async (response: Response) => {
  const body = Buffer.from(await response.arrayBuffer())
  assert.equal(response.status, 200, body.toString())
  assert.equal(response.headers.get('content-type'), 'application/octet-stream')
  let at = Number(response.headers.get(HEADER_LENGTH))
  const answer = JSON.parse(body.subarray(0, at).toString()) as InferAnswer
  const tensors = new Map<string, Buffer>()
  for (const { name, parameters } of answer.outputs) {
    const size = parameters?.binary_data_size ?? 0
    tensors.set(name, body.subarray(at, at + size))
    at += size
  }
  assert.equal(at, body.length)
  return { answer, tensors }
}

const decodeBytes = (tensor: Buffer = Buffer.alloc(0)): string[] => {
  const texts: string[] = []
  for (let at = 0; at < tensor.length;) {
    const end = at + 4 + tensor.readUInt32LE(at)
    texts.push(tensor.subarray(at + 4, end).toString())
    at = end
  }
  return texts
}

const expectError = async (response: Response, status: number, error: RegExp): Promise<void> => {
  const text = await response.text()
  assert.equal(response.status, status, text)
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  const body = JSON.parse(text) as Record<string, unknown>
  assert.deepEqual(Object.keys(body), ['error'])
  assert.match(String(body['error']), error)
}

test('a picture in base64 gives all outputs, most probable first, and the id back', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const response = await postInfer(
    gateway,
    jsonRequest({ id: '42', parameters: { timeout: 5, priority: 1 } }),
  )
  assert.equal(response.headers.get('menagerie-trained'), null)
  assert.deepEqual(await readAnswer(response), {
    id: '42',
    model_name: MODEL,
    model_version: '1',
    outputs: [
      { name: 'probabilities', datatype: 'FP32', shape: [3], data: [0.7, 0.2, 0.1] },
      { name: 'class_index', datatype: 'INT32', shape: [3], data: [0, 1, 2] },
      { name: 'class_id', datatype: 'BYTES', shape: [3], data: ['n02099601', 'n02486410', 'n01440764'] },
      { name: 'class_name', datatype: 'BYTES', shape: [3], data: ['golden_retriever', 'baboon', 'tench'] },
      { name: 'confident', datatype: 'BOOL', shape: [1], data: [true] },
    ],
  })
  const [, id = ''] = /^\/v1\/predictions\/(.+)$/.exec(response.headers.get('location') ?? '') ?? []
  const { input } = await getPrediction(gateway, id)
  assert.deepEqual([input.content_type, input.bytes], ['image/jpeg', PICTURE.length])
})

test('classification gives strings as Triton writes them, as many as asked for', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const outputs = [
    { name: 'class_name' },
    { name: 'probabilities', parameters: { classification: 2 } },
    { name: 'probabilities', parameters: { classification: 0 } },
  ]
  assert.deepEqual((await readAnswer(await postInfer(gateway, jsonRequest({ outputs })))).outputs, [
    { name: 'class_name', datatype: 'BYTES', shape: [3], data: ['golden_retriever', 'baboon', 'tench'] },
    {
      name: 'probabilities',
      datatype: 'BYTES',
      shape: [2],
      data: ['0.700000:0:golden_retriever', '0.200000:1:baboon'],
    },
    { name: 'probabilities', datatype: 'FP32', shape: [3], data: [0.7, 0.2, 0.1] },
  ])
})

test('binary data in, binary data out, as Triton clients send and read it', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const response = await postBinary(gateway, {
    changes: { id: 'a', parameters: { binary_data_output: true } },
  })
  const { answer, tensors } = await readBinaryAnswer(response)
  assert.equal(answer.id, 'a')
  assert.deepEqual(
    answer.outputs.map(({ name, shape, parameters }) => [name, shape, parameters?.binary_data_size]),
    [
      ['probabilities', [3], 12],
      ['class_index', [3], 12],
      ['class_id', [3], 39],
      ['class_name', [3], 39],
      ['confident', [1], 1],
    ],
  )
  const probabilities = tensors.get('probabilities')
  assert.deepEqual(
    [0, 4, 8].map((at) => probabilities?.readFloatLE(at)),
    [0.7, 0.2, 0.1].map(Math.fround),
  )
  assert.deepEqual(
    [0, 4, 8].map((at) => tensors.get('class_index')?.readInt32LE(at)),
    [0, 1, 2],
  )
  assert.deepEqual(decodeBytes(tensors.get('class_name')), ['golden_retriever', 'baboon', 'tench'])
  assert.deepEqual(tensors.get('confident'), Buffer.of(1))
})

test('each output says for itself whether it comes as binary data', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const outputs = [
    { name: 'class_index', parameters: { binary_data: false } },
    { name: 'probabilities', parameters: { classification: 1 } },
  ]
  const mixed = await postInfer(gateway, jsonRequest({ outputs, parameters: { binary_data_output: true } }))
  const { answer, tensors } = await readBinaryAnswer(mixed)
  assert.deepEqual(answer.outputs[0], { name: 'class_index', datatype: 'INT32', shape: [3], data: [0, 1, 2] })
  assert.deepEqual(decodeBytes(tensors.get('probabilities')), ['0.700000:0:golden_retriever'])
  assert.equal((await readAnswer(await postBinary(gateway))).outputs.length, 5)
})

test('with a JSON of no bytes the body is the picture, and the outputs come as binary data', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const response = await postInfer(gateway, PICTURE, { headers: { [HEADER_LENGTH]: '0' } })
  const { tensors } = await readBinaryAnswer(response)
  assert.deepEqual(decodeBytes(tensors.get('class_id')), ['n02099601', 'n02486410', 'n01440764'])
})

test('shapes with more or open dimensions are taken where they hold one picture', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway)
  const data = [PICTURE.toString('base64')]
  for (const input of [
    { name: '312a4eb0', shape: [-1], datatype: 'BYTES', data },
    { ...INPUT, shape: [1, 1], data },
    { ...INPUT, shape: [1, 1], data: [data] },
  ]) {
    assert.equal((await postInfer(gateway, { inputs: [input] })).status, 200)
  }
})

test('metadata of the server and of a model, with and without a version', async (t) => {
  const gateway = await openTestGateway(t)
  const get = async (path: string) => {
    const response = await fetch(`${gateway.url}/v2${path}`)
    assert.equal(response.status, 200)
    return (await response.json()) as Record<string, unknown>
  }
  const server = await get('')
  assert.equal(server['name'], 'menagerie')
  assert.deepEqual(server['extensions'], ['binary_tensor_data', 'classification'])
  const model = await get(`/models/${MODEL}`)
  assert.deepEqual(model, {
    name: MODEL,
    versions: ['1'],
    platform: 'onnxruntime_onnx',
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    outputs: [
      { name: 'probabilities', datatype: 'FP32', shape: [-1] },
      { name: 'class_index', datatype: 'INT32', shape: [-1] },
      { name: 'class_id', datatype: 'BYTES', shape: [-1] },
      { name: 'class_name', datatype: 'BYTES', shape: [-1] },
      { name: 'confident', datatype: 'BOOL', shape: [1] },
    ],
  })
  assert.deepEqual(await get(`/models/${MODEL}/versions/1`), model)
})

test('the server is live and ready without workers, a model when it has one', async (t) => {
  const gateway = await openTestGateway(t)
  const get = (path: string) => fetch(`${gateway.url}/v2${path}`)
  assert.deepEqual(await (await get('/health/live')).json(), { live: true })
  assert.deepEqual(await (await get('/health/ready')).json(), { ready: true })
  await expectError(await get(`/models/${MODEL}/ready`), 503, /no worker/)
  await registerFakeWorker(t, gateway)
  await waitUntil('the model is ready', async () => (await get(`/models/${MODEL}/ready`)).status === 200)
  assert.deepEqual(await (await get(`/models/${MODEL}/versions/1/ready`)).json(), {
    name: MODEL,
    ready: true,
  })
})

test('what is not there is 404 in the shape of the protocol', async (t) => {
  const gateway = await openTestGateway(t)
  for (const path of [
    '/models/cat',
    '/models/cat/ready',
    `/models/${MODEL}/versions/2`,
    '/models',
    '/nothing',
  ]) {
    await expectError(await fetch(`${gateway.url}/v2${path}`), 404, /there is no|version 1 only/)
  }
  for (const path of ['/v2/models/cat/infer', `/v2/models/${MODEL}/versions/2/infer`]) {
    await expectError(await postInfer(gateway, jsonRequest(), { path }), 404, /there is no|version 1 only/)
  }
})

test('a path that no route can have is refused in the shape of the protocol too', async (t) => {
  const gateway = await openTestGateway(t)
  for (const path of [`/models/${'x'.repeat(200)}`, '/models/%zz']) {
    await expectError(await fetch(`${gateway.url}/v2${path}`), 400, /./)
  }
})

const data = [PICTURE.toString('base64')]
const REFUSED: Array<[body: unknown, error: RegExp]> = [
  [{}, /inputs/],
  [{ inputs: [] }, /inputs/],
  [
    {
      inputs: [
        { ...INPUT, data },
        { ...INPUT, data },
      ],
    },
    /inputs/,
  ],
  [{ inputs: [{ ...INPUT, data: [...data, ...data] }] }, /data/],
  [{ inputs: [{ ...INPUT, shape: [2], data }] }, /shape \[1\]/],
  [{ inputs: [{ ...INPUT, shape: [0], data }] }, /shape \[1\]/],
  [{ inputs: [{ ...INPUT, datatype: 'FP32', data: [1] }] }, /must be BYTES/],
  [{ inputs: [{ ...INPUT, data: [1] }] }, /one string/],
  [{ inputs: [{ ...INPUT }] }, /one string/],
  [{ inputs: [{ ...INPUT, data: ['not base64!'] }] }, /base64/],
  [jsonRequest({ outputs: [{ name: 'logits' }] }), /no output 'logits'/],
  [
    jsonRequest({ outputs: [{ name: 'class_id', parameters: { classification: 2 } }] }),
    /classification is for/,
  ],
  [jsonRequest({ outputs: [{ name: 'probabilities', parameters: { classification: 21 } }] }), /<= 20/],
  [Buffer.from('{"inputs":'), /not JSON/],
]

test('a request that does not fit is refused with the reason, and leaves nothing behind', async (t) => {
  const gateway = await openTestGateway(t)
  for (const [body, error] of REFUSED) await expectError(await postInfer(gateway, body), 400, error)

  const element = encodeElement(PICTURE)
  await expectError(await postBinary(gateway, { tail: element, size: 5 }), 400, /binary_data_size 5/)
  await expectError(await postBinary(gateway, { tail: PICTURE }), 400, /4 bytes with its length/)
  await expectError(await postBinary(gateway, { tail: Buffer.of(1, 0) }), 400, /4 bytes with its length/)
  const twice = [element, element]
  await expectError(await postBinary(gateway, { tail: Buffer.concat(twice) }), 400, /one element/)
  const both = { inputs: [{ ...INPUT, data, parameters: { binary_data_size: element.length } }] }
  await expectError(await postBinary(gateway, { changes: both }), 400, /twice/)
  await expectError(
    await postBinary(gateway, { changes: { inputs: [{ ...INPUT, data }] } }),
    400,
    /bytes follow/,
  )
  for (const length of ['100000', '-1', 'x', '']) {
    await expectError(
      await postInfer(gateway, jsonRequest(), { headers: { [HEADER_LENGTH]: length } }),
      400,
      /content-length/i,
    )
  }
  const text = { inputs: [{ ...INPUT, data: [Buffer.from('<html>'.repeat(50)).toString('base64')] }] }
  await expectError(await postInfer(gateway, text), 415, /not an image/)
  await expectError(
    await postInfer(gateway, jsonRequest(), { headers: { 'content-encoding': 'gzip' } }),
    400,
    /content-encoding/,
  )
  await expectNothingStored(gateway)
})

test('a body over the cap is refused', async (t) => {
  const gateway = await openTestGateway(t, { UPLOAD_BYTES_MAX: '1000' })
  await expectError(await postInfer(gateway, jsonRequest()), 413, /at most 1000 bytes/)
  await expectError(await postBinary(gateway), 413, /at most 1000 bytes/)
  await expectError(await postBinary(gateway, { tail: Buffer.alloc(200_000) }), 413, /at most/)
})

test('a wait that was too long is 504, and says where the answer will be', async (t) => {
  const gateway = await openTestGateway(t, { SYNC_TIMEOUT: '200ms' })
  const late = await postInfer(gateway, jsonRequest())
  await expectError(late, 504, /its answer will be at/)
  const id = late.headers.get('location')?.split('/').at(-1) ?? ''
  assert.equal((await getPrediction(gateway, id)).status, 'queued')
})

test('a failed prediction is an error of the protocol', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, { answer: failWith('image_undecodable: it is cut off') })
  await expectError(await postInfer(gateway, jsonRequest()), 422, /^it is cut off$/)
})

test('a gateway that stops says where the answer will be', async (t) => {
  const gateway = await openTestGateway(t)
  const response = postInfer(gateway, jsonRequest())
  await waitUntil('the job is queued', async () => (await gateway.queue.count()) === 1)
  const closed = gateway.close()
  await expectError(await response, 503, /its answer will be at/)
  const { headers } = await response
  assert.match(headers.get('location') ?? '', /^\/v1\/predictions\//)
  assert.ok(Number(headers.get('retry-after')) > 0)
  await closed
})

test('who goes away ends the wait and not the prediction', async (t) => {
  const gateway = await openTestGateway(t)
  const gate = createGate()
  await startFakeWorker(t, gateway, { answer: gate.answer })
  const client = new AbortController()
  const gone = fetch(`${gateway.url}${PATH}`, {
    method: 'POST',
    body: JSON.stringify(jsonRequest()),
    signal: client.signal,
  })
  await waitUntil('a worker has it', async () => (await gateway.queue.getActiveCount()) === 1)
  client.abort()
  await assert.rejects(gone)
  gate.open()
  await waitUntil('it is done', async () => (await gateway.queue.getCompletedCount()) === 1)
})

test('headers count as they do elsewhere: Idempotency-Key finds the same prediction, marks are set', async (t) => {
  const gateway = await openTestGateway(t)
  await startFakeWorker(t, gateway, {
    answer: async () => makeReturnValue({ trained: false, confident: false }),
    model: { trained: false },
  })
  const headers = { 'idempotency-key': 'order-4711' }
  const first = await postInfer(gateway, jsonRequest(), { headers })
  assert.equal(first.headers.get('menagerie-trained'), 'false')
  assert.equal(first.headers.get('menagerie-confident'), 'false')
  const form = await readPrediction(await postForm(gateway, { headers }))
  assert.equal(first.headers.get('location'), `/v1/predictions/${form.id}`)
  const other = jsonRequest({ outputs: [{ name: 'probabilities', parameters: { classification: 2 } }] })
  await expectError(await postInfer(gateway, other, { headers }), 422, /another picture or other options/)
  await expectError(
    await postInfer(gateway, jsonRequest(), { headers: { 'cancel-after': 'soon' } }),
    400,
    /cancel-after/,
  )
})

test('with API keys, health is open to everybody, and who is refused hears it in the shape of the protocol', async (t) => {
  const gateway = await openTestGateway(t, await withTenants(t, { ann: { rate: 1 } }))
  await startFakeWorker(t, gateway)
  for (const path of ['', '/health/live', '/health/ready']) {
    assert.equal((await fetch(`${gateway.url}/v2${path}`)).status, 200)
  }
  await expectError(await fetch(`${gateway.url}/v2/models/${MODEL}`), 401, /API key/)
  await expectError(await postInfer(gateway, jsonRequest()), 401, /API key/)
  assert.equal((await postInfer(gateway, jsonRequest(), { headers: as('ann') })).status, 200)
  const limited = await postInfer(gateway, jsonRequest(), { headers: as('ann') })
  assert.ok(Number(limited.headers.get('retry-after')) > 0)
  await expectError(limited, 429, /a minute/)
})
