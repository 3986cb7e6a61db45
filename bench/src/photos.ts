import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { makeJpeg } from '@menagerie/harness/pictures'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const MADE_PHOTOS = 24

const readFolder = async (folder: string): Promise<Buffer[]> => {
  const names = (await readdir(folder))
    .filter((name) => /\.(jpe?g|png|webp|gif|avif)$/i.test(name))
    .toSorted()
  if (names.length === 0) throw new Error(`${folder} has no pictures`)
  return Promise.all(names.map((name) => readFile(join(folder, name))))
}

/** The pictures of a folder; by default the real photos where the fixtures are, else made JPEGs of a usual size. */
export const readPhotos = async (folder?: string): Promise<Buffer[]> => {
  if (folder !== undefined) return readFolder(folder)
  if (FIXTURES_DIR !== null) return readFolder(join(FIXTURES_DIR, 'photos'))
  return Promise.all(
    Array.from({ length: MADE_PHOTOS }, (_, seed) => makeJpeg({ seed, width: 500, height: 375 })),
  )
}
