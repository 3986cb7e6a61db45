import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PICTURE_NAME = /^[^.].*\.(jpe?g|png|webp|gif|avif)$/i

/** Paths of the pictures of a folder, by name; none when the folder is not there. */
export const listPictures = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return []
    throw err
  })
  const paths = names
    .filter((name) => PICTURE_NAME.test(name))
    .toSorted()
    .map((name) => join(folder, name))
  const stats = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
  return paths.filter((_, i) => stats[i]?.isFile() === true)
}

/** Pictures that come with packages of this project, for a first look. */
export const listSamples = (): { path: string; source: string }[] => [
  {
    path: fileURLToPath(import.meta.resolve('baboon-image/baboon.png')),
    source: 'npm package baboon-image (MIT; the picture is in the public domain)',
  },
]
