// Photos through the published port are answered as the old server did, and every worker has its part in it.
import type { Prediction } from '@menagerie/contract/prediction'
import { makeForm } from '@menagerie/harness/form'
import { FIXTURES_DIR, photoPath } from '@menagerie/harness/paths'
import { makeFlatWebp, makeJpeg } from '@menagerie/harness/pictures'
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WORKERS, type Scenario } from '../scenario.ts'

const PHOTOS = 60
// Of those that a reference implementation gets right; scaling in other libraries moves a few borders.
const SAME_SHARE_MIN = 0.98

interface Reference {
  photo: string
  mobilenet_v2_top5: { class_id: string }[]
}

interface Photo {
  bytes: Buffer
  /** What a reference implementation says; null: not known. */
  expected: string | null
}

const readPhotos = async (): Promise<Photo[]> => {
  if (FIXTURES_DIR === null) {
    const seeds = Array.from({ length: PHOTOS }, (_, seed) => seed)
    return Promise.all(seeds.map(async (seed) => ({ bytes: await makeJpeg({ seed }), expected: null })))
  }
  const text = await readFile(join(FIXTURES_DIR, 'golden', 'reference.json'), 'utf8')
  const references = JSON.parse(text) as Reference[]
  const photos = await Promise.all(
    references.map(async ({ photo, mobilenet_v2_top5: [best] }) => ({
      bytes: await readFile(photoPath(photo)),
      expected: best?.class_id ?? null,
    })),
  )
  return Array.from({ length: PHOTOS }, (_, i) => photos[i % photos.length]).filter(
    (photo) => photo !== undefined,
  )
}

const classify = async (url: string, { bytes }: Photo): Promise<Prediction> => {
  const headers = { prefer: 'wait=60' }
  const answer = await fetch(`${url}/v1/predictions`, { method: 'POST', headers, body: makeForm(bytes) })
  assert.equal(answer.status, 200)
  return (await answer.json()) as Prediction
}

/**
 * 49 megapixels as WebP, which libvips decodes as a whole: where it may not keep them in memory it looks for a disk.
 */
export const classifyLargest = async ({ composition }: Scenario): Promise<void> => {
  const bytes = await makeFlatWebp({ width: 7000, height: 7000 })
  const { status, error } = await classify(composition.url, { bytes, expected: null })
  assert.equal(status, 'succeeded', error?.code)
}

export const classifyPhotos = async ({ composition, report }: Scenario): Promise<void> => {
  const { url } = composition
  if (FIXTURES_DIR !== null) {
    const retriever = await readFile(photoPath('n02099601_golden_retriever.jpg'))
    const answer = await fetch(`${url}/`, { method: 'POST', body: makeForm(retriever) })
    assert.equal(await answer.text(), '{"class_id":"n02099601","class_name":"golden_retriever"}\n')
  }
  const photos = await readPhotos()
  const predictions = await Promise.all(photos.map((photo) => classify(url, photo)))

  const byWorker: Record<string, number> = {}
  let same = 0
  for (const [i, { output, metrics }] of predictions.entries()) {
    byWorker[metrics.worker ?? ''] = (byWorker[metrics.worker ?? ''] ?? 0) + 1
    if (output?.class_id === photos[i]?.expected) same += 1
  }
  report({ photos: photos.length, same_as_reference: same, by_worker: Object.values(byWorker) })
  assert.equal(Object.keys(byWorker).length, WORKERS, 'each worker has classified some')
  if (FIXTURES_DIR !== null) assert.ok(same >= SAME_SHARE_MIN * photos.length, `${same} are as the reference`)
}
