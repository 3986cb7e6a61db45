import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'

/** A photo and what torchvision and the model made of it. */
export interface ReferencePhoto {
  name: string
  bytes: Buffer
  /** The file of the 224 × 224 crop; null where the set has none for this photo. */
  cropPath: string | null
  /** Index of the most probable class. */
  top1: number
}

interface ReferenceEntry {
  photo: string
  mobilenet_v2_top5: { index: number }[]
}

const findCrop = (dir: string, photo: string): string | null => {
  const path = join(dir, 'golden', 'preprocess', `${basename(photo, extname(photo))}.png`)
  return existsSync(path) ? path : null
}

/**
 * Reads a set of photos: `photos/`, `golden/reference.json` and `golden/preprocess/` in one folder.
 *
 * @throws Error that names the first thing that is missing
 */
export const readPreprocessSet = async (dir: string): Promise<ReferencePhoto[]> => {
  const referencePath = join(dir, 'golden', 'reference.json')
  if (!existsSync(referencePath)) throw new Error(`there is no ${referencePath}`)
  const entries: ReferenceEntry[] = JSON.parse(await readFile(referencePath, 'utf8'))
  if (entries.length === 0) throw new Error(`${referencePath} lists no photos`)
  return Promise.all(
    entries.map(async ({ photo, mobilenet_v2_top5: [best] }) => {
      const path = join(dir, 'photos', photo)
      if (!existsSync(path)) throw new Error(`there is no ${path}`)
      if (best === undefined) throw new Error(`${referencePath} has no classes for ${photo}`)
      const cropPath = findCrop(dir, photo)
      return { name: photo, bytes: await readFile(path), cropPath, top1: best.index }
    }),
  )
}
