import { FIXTURES_DIR } from '@menagerie/harness/paths'
import { makeJpeg } from '@menagerie/harness/pictures'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const MADE_PHOTOS = 24

/** The real photos where the fixtures are, else made JPEGs of a usual size. */
export const readPhotos = async (): Promise<Buffer[]> => {
  if (FIXTURES_DIR === null) {
    return Promise.all(
      Array.from({ length: MADE_PHOTOS }, (_, seed) => makeJpeg({ seed, width: 500, height: 375 })),
    )
  }
  const folder = join(FIXTURES_DIR, 'photos')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jpg')).toSorted()
  return Promise.all(names.map((name) => readFile(join(folder, name))))
}
