/** An archive is taken in whole or not at all where its structure is bad; an entry that is bad fails alone. */
import type { ErrorCode } from '@menagerie/contract/errors'
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test, type TestContext } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import {
  getResults,
  makeBatchForm,
  makeFiles,
  makePicture,
  makeZip,
  postZip,
  readBatch,
} from '../testing/batches.ts'
import { startFakeWorker } from '../testing/fake-worker.ts'
import { openTestGateway, type TestGateway } from '../testing/open-test-gateway.ts'
import { makeRawZip, type RawEntry } from '../testing/raw-zip.ts'
import { expectNothingStored, expectProblem, PICTURE } from '../testing/requests.ts'

type Outcome = [customId: string, codeOrStatus: string]

/** Posts an archive, and says what became of each entry. */
const send = async (gateway: TestGateway, zip: Uint8Array): Promise<Outcome[]> => {
  const answer = await postZip(gateway, zip)
  if (answer.status !== 202) assert.fail(`${answer.status}: ${await answer.text()}`)
  const { id } = await readBatch(answer)
  return (await getResults(gateway, id)).map(({ custom_id, status, error }) => [
    custom_id,
    error?.code ?? status,
  ])
}

const openServing = async (t: TestContext, env: Record<string, string> = {}): Promise<TestGateway> => {
  const gateway = await openTestGateway(t, env)
  await startFakeWorker(t, gateway, { concurrency: 10 })
  return gateway
}

const JPEG_OF_ZEROS = (bytes: number): Buffer => Buffer.concat([PICTURE, Buffer.alloc(bytes)])

test('an archive as the body is a batch of its pictures, in its order', async (t) => {
  const gateway = await openServing(t)
  const answer = await postZip(gateway, await makeZip(makeFiles(3)), '?top_k=1&metadata=%7B%22a%22%3A1%7D')
  assert.equal(answer.status, 202)
  const batch = await readBatch(answer)
  assert.deepEqual(batch.metadata, { a: 1 })
  const results = await getResults(gateway, batch.id)
  assert.deepEqual(
    results.map(({ custom_id, status, output }) => [custom_id, status, output?.top_k.length]),
    [
      ['0.jpg', 'succeeded', 1],
      ['1.jpg', 'succeeded', 1],
      ['2.jpg', 'succeeded', 1],
    ],
  )
})

test('an archive as the file of a form, with items', async (t) => {
  const gateway = await openServing(t)
  const zip = await makeZip([['animals/0.jpg', makePicture(0)], ...makeFiles(2)])
  const items = JSON.stringify({ 'animals/0.jpg': { custom_id: 'dog' } })
  const body = makeBatchForm([['photos.zip', zip]], { items })
  const answer = await fetch(`${gateway.url}/v1/batches`, { method: 'POST', body })
  assert.equal(answer.status, 202)
  const { items: listed } = await readBatch(answer)
  assert.deepEqual(
    listed.map(({ custom_id }) => custom_id),
    ['dog', '0.jpg', '1.jpg'],
  )
})

test('an archive beside another file is refused', async (t) => {
  const gateway = await openServing(t)
  const body = makeBatchForm([
    ['photos.zip', await makeZip(makeFiles(2))],
    ['a.jpg', PICTURE],
  ])
  await expectProblem(await fetch(`${gateway.url}/v1/batches`, { method: 'POST', body }), 'batch_invalid')
  assert.deepEqual(await gateway.listUploads(), [])
})

test('folders, hidden files and what macOS adds are skipped', async (t) => {
  const gateway = await openServing(t)
  const skipped = ['.DS_Store', 'a/.hidden.jpg', '__MACOSX/a/._0.jpg', '__MACOSX/0.jpg'].map(
    (name) => [name, PICTURE] as const,
  )
  const zip = await makeZip([...skipped, ['a/0.jpg', PICTURE]], { folders: ['a', 'a/empty'] })
  assert.deepEqual(await send(gateway, zip), [['a/0.jpg', 'succeeded']])
})

test('names are labels: those that would be dangerous as paths are as good as others', async (t) => {
  const gateway = await openServing(t)
  const names = [
    '../../etc/passwd',
    '/etc/shadow',
    String.raw`..\..\windows\system.ini`,
    'C:/x.jpg',
    'a\0b.jpg',
    'line\nbreak\r.jpg',
    '__proto__',
    'über.jpg',
  ]
  const before = await readdir(tmpdir())
  const entries = names.map((name, i) => ({ name, bytes: makePicture(i), flags: 0x800 }))
  assert.deepEqual(
    await send(gateway, makeRawZip(entries)),
    names.map((name) => [name, 'succeeded']),
  )
  const left = (await readdir(tmpdir())).filter(
    (name) => !before.includes(name) && name.startsWith('menagerie-batch'),
  )
  assert.deepEqual(left, [])
})

test('a name that is too long is cut', async (t) => {
  const gateway = await openServing(t)
  const [outcome] = await send(gateway, makeRawZip([{ name: 'x'.repeat(60_000), bytes: PICTURE }]))
  assert.deepEqual(outcome, ['x'.repeat(255), 'succeeded'])
})

test('an entry that cannot be taken fails alone', async (t) => {
  const gateway = await openServing(t, { UPLOAD_BYTES_MAX: '100000' })
  const good = (name: string): RawEntry => ({ name, bytes: makePicture(1) })
  const damaged = deflateRawSync(PICTURE).fill(0xff, 5, 15)
  const nested = await makeZip([['a.jpg', PICTURE]])
  const entries: Array<[entry: RawEntry, expected: string]> = [
    [good('first'), 'succeeded'],
    [{ name: 'stored', bytes: makePicture(2), method: 0 }, 'succeeded'],
    [{ name: 'encrypted', bytes: PICTURE, flags: 1 }, 'archive_entry_invalid'],
    [{ name: 'bzip2', bytes: PICTURE, method: 12 }, 'archive_entry_invalid'],
    [{ name: 'damaged', bytes: PICTURE, raw: damaged }, 'archive_entry_invalid'],
    [{ name: 'wrong checksum', bytes: PICTURE, crc: 1 }, 'archive_entry_invalid'],
    [{ name: 'says it is smaller', bytes: PICTURE, uncompressedSize: 10 }, 'archive_entry_invalid'],
    [{ name: 'says it is larger', bytes: PICTURE, uncompressedSize: 10_000 }, 'archive_entry_invalid'],
    [{ name: 'stored, and lies', bytes: PICTURE, method: 0, uncompressedSize: 9 }, 'archive_entry_invalid'],
    [
      { name: 'cut off', bytes: PICTURE, raw: deflateRawSync(PICTURE).subarray(0, 9) },
      'archive_entry_invalid',
    ],
    [{ name: 'empty', bytes: Buffer.alloc(0), method: 0 }, 'file_empty'],
    [
      { name: 'text', bytes: Buffer.from('some words that are no picture at all, but long enough') },
      'image_type_unsupported',
    ],
    [{ name: 'nested', bytes: nested, method: 0 }, 'image_type_unsupported'],
    [{ name: 'zeros', bytes: Buffer.alloc(10_000_000) }, 'image_type_unsupported'],
    [
      {
        name: 'large',
        bytes: Buffer.concat([
          PICTURE,
          Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251)),
        ]),
        method: 0,
      },
      'payload_too_large',
    ],
    [good('last'), 'succeeded'],
  ]
  const zip = makeRawZip(entries.map(([entry]) => entry))
  assert.deepEqual(
    await send(gateway, zip),
    entries.map(([{ name }, expected]) => [name, expected]),
  )
})

test('an entry that inflates to a multiple of its size is given up where that shows, whatever its header says', async (t) => {
  const gateway = await openServing(t)
  const bytes = JPEG_OF_ZEROS(9_000_000)
  const outcomes = await send(
    gateway,
    makeRawZip([
      { name: 'bomb', bytes },
      { name: 'lying bomb', bytes, uncompressedSize: 100 },
    ]),
  )
  assert.deepEqual(outcomes, [
    ['bomb', 'archive_entry_invalid'],
    ['lying bomb', 'archive_entry_invalid'],
  ])
})

const refusals: Array<[title: string, code: ErrorCode, zip: () => Buffer | Promise<Buffer>]> = [
  ['no archive at all', 'archive_invalid', () => PICTURE],
  ['nothing', 'archive_invalid', () => Buffer.alloc(0)],
  ['an empty archive', 'batch_invalid', () => makeRawZip([])],
  ['only folders', 'batch_invalid', () => makeZip([], { folders: ['a', 'b'] })],
  [
    'an archive that is cut off',
    'archive_invalid',
    async () => (await makeZip(makeFiles(3))).subarray(0, -30),
  ],
  [
    'more than 1,000 pictures',
    'batch_invalid',
    () => makeRawZip(Array.from({ length: 1001 }, (_, i) => ({ name: `${i}`, bytes: PICTURE }))),
  ],
  [
    'thousands of entries that would be skipped',
    'archive_invalid',
    () =>
      makeRawZip(
        Array.from({ length: 4001 }, (_, i) => ({ name: `${i}/`, bytes: Buffer.alloc(0), method: 0 })),
      ),
  ],
  [
    'more entries than there are',
    'archive_invalid',
    () => makeRawZip([{ name: 'a', bytes: PICTURE }], { count: 2 }),
  ],
  [
    'a directory that would fill the memory',
    'archive_invalid',
    () => {
      const entries = [{ name: 'a', bytes: PICTURE }]
      const small = makeRawZip(entries)
      const directory = small.subarray(small.readUInt32LE(small.length - 6), -22)
      return makeRawZip(entries, { directory: Buffer.concat([directory, Buffer.alloc(4 * 1024 * 1024)]) })
    },
  ],
  [
    'two entries of one name',
    'batch_invalid',
    () =>
      makeRawZip([
        { name: 'a', bytes: makePicture(1) },
        { name: 'a', bytes: makePicture(2) },
      ]),
  ],
  [
    'entries that share their bytes',
    'archive_invalid',
    () => makeRawZip(Array.from({ length: 10 }, (_, i) => ({ name: `${i}`, bytes: PICTURE, offset: 0 }))),
  ],
  [
    'an entry that quotes the next ones',
    'archive_invalid',
    () => {
      const inner = [1, 2, 3].map((i) => ({ name: `${i}`, bytes: makePicture(i) }))
      const alone = makeRawZip(inner)
      // The first covers the local headers and data of the others.
      return makeRawZip([{ name: '0', bytes: PICTURE, compressedSize: alone.length - 300 }, ...inner])
    },
  ],
  [
    'an entry that hides the next one in its extra field',
    'archive_invalid',
    () => {
      const inner = makeRawZip([{ name: 'inner', bytes: makePicture(1), method: 0 }])
      const outer = { name: 'outer', bytes: PICTURE, localExtra: inner.subarray(0, 2100) }
      return makeRawZip([outer, { name: 'inner', bytes: makePicture(1), method: 0, offset: 35 }])
    },
  ],
  [
    'an entry that covers the directory',
    'archive_invalid',
    () => {
      const size = makeRawZip([{ name: 'a', bytes: PICTURE, method: 0 }]).length
      return makeRawZip([{ name: 'a', bytes: PICTURE, method: 0, compressedSize: size - 40 }])
    },
  ],
  [
    'an entry that begins nowhere',
    'archive_invalid',
    () => makeRawZip([{ name: 'a', bytes: PICTURE, offset: 100_000_000 }]),
  ],
  [
    'pictures that are too many bytes together once they are inflated',
    'payload_too_large',
    () => makeZip(Array.from({ length: 40 }, (_, i) => [`${i}.jpg`, JPEG_OF_ZEROS(60_000)] as const)),
  ],
]

for (const [title, code, makeBad] of refusals) {
  test(`${title}: refused as a whole, and nothing is left`, async (t) => {
    const gateway = await openTestGateway(t, { BATCH_BYTES_MAX: '2200000' })
    await expectProblem(await postZip(gateway, await makeBad()), code)
    await expectNothingStored(gateway)
    assert.deepEqual(await gateway.redis.keys(`${gateway.prefix}:batch[:-]*`), [])
  })
}
