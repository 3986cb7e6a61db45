import { dirname, resolve } from 'node:path'
import { Label } from '@menagerie/contract/model-manifest'
import { Value } from 'typebox/value'
import type { LoadedManifest } from './manifest.ts'
import { readJson } from './read-json.ts'

/**
 * The classes of a model in index order. The file is `{"0": ["n01440764", "tench"], …}`, its path relative to the
 * manifest. Throws when an index is missing or a label is not a pair, naming the file and the index.
 */
export async function loadLabels({ manifest, path }: LoadedManifest): Promise<Label[]> {
  const file = resolve(dirname(path), manifest.labels)
  const table = await readJson(file)
  if (typeof table !== 'object' || table === null) throw new Error(`${file}: must be an object of labels`)

  const byIndex = new Map(Object.entries(table))
  if (byIndex.size === 0) throw new Error(`${file}: has no labels`)
  return Array.from({ length: byIndex.size }, (_, index) => {
    const label: unknown = byIndex.get(String(index))
    if (!Value.Check(Label, label)) {
      throw new Error(`${file}: "${index}" must be [WordNet id, name], one for each index from 0`)
    }
    return label
  })
}
