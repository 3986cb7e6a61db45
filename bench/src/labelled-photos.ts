import type { Label } from '@menagerie/contract/model-manifest'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface LabelledPhoto {
  bytes: Buffer
  /** Index of the class that is on it. */
  index: number
}

/** The photos of a folder whose names begin with the class: `n02099601_dog.jpg`. */
export const readLabelledPhotos = async (
  folder: string,
  labels: readonly Label[],
): Promise<LabelledPhoto[]> => {
  const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png|webp)$/i.test(name)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const index = labels.findIndex(([classId]) => name.startsWith(`${classId}_`))
      if (index < 0) throw new Error(`${name}: its name does not begin with the id of a class and a _`)
      return { bytes: await readFile(join(folder, name)), index }
    }),
  )
}
