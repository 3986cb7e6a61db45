import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModelManifest } from '@menagerie/contract/model-manifest'
import { Value } from 'typebox/value'
import { codeOf } from './error-text.ts'
import { readJson } from './read-json.ts'

/** A manifest and the file it came from: the path of the labels is relative to that file. */
export interface LoadedManifest {
  readonly manifest: ModelManifest
  readonly path: string
}

export interface ManifestOptions {
  /** Searched before the manifests that come with the project. */
  readonly modelDir?: string | undefined
}

/**
 * Reads `<modelDir>/<name>/manifest.json`, else the project's own for that name. Throws an Error that lists the known
 * names when there is neither, and one that names file, field and rule when the manifest is not valid.
 */
export async function loadManifest(name: string, options: ManifestOptions = {}): Promise<LoadedManifest> {
  const known = await findManifests(options)
  const path = known.get(name)
  if (path === undefined) {
    throw new Error(
      `unknown model "${name}"; known are: ${[...known.keys()].join(', ')}. ` +
        `To add one, put its manifest.json at <MODEL_DIR>/${name}/manifest.json`,
    )
  }
  return { manifest: await readManifest(path, name), path }
}

/** Every known model, by name. A name in both places is the one in `modelDir`. */
export async function listManifests(options: ManifestOptions = {}): Promise<LoadedManifest[]> {
  const known = await findManifests(options)
  return Promise.all(
    [...known].map(async ([name, path]) => ({ manifest: await readManifest(path, name), path })),
  )
}

/** The folder of the workspace package `@menagerie/models`, also where a deployed app has its own copy of it. */
function projectModelDir(): string {
  return dirname(fileURLToPath(import.meta.resolve('@menagerie/models/package.json')))
}

async function findManifests({ modelDir }: ManifestOptions): Promise<Map<string, string>> {
  const found = new Map(await manifestsIn(projectModelDir()))
  if (modelDir) {
    for (const [name, path] of await manifestsIn(resolve(modelDir))) found.set(name, path)
  }
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

async function manifestsIn(dir: string): Promise<[name: string, path: string][]> {
  const names = await readdir(dir).catch((cause: unknown): string[] => {
    if (codeOf(cause) === 'ENOENT') return []
    throw new Error(`cannot read the model directory ${dir} (${codeOf(cause)})`, { cause })
  })
  const candidates = names.map((name): [string, string] => [name, join(dir, name, 'manifest.json')])
  const present = await Promise.all(candidates.map(([, path]) => isFile(path)))
  return candidates.filter((_, index) => present[index])
}

async function isFile(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => null)
  return entry?.isFile() ?? false
}

async function readManifest(path: string, name: string): Promise<ModelManifest> {
  const value = await readJson(path)
  const refuse = (rule: string): Error => new Error(`${path} is not a valid model manifest: ${rule}`)
  if (!Value.Check(ModelManifest, value)) throw refuse(describeErrors(value))
  if (value.name !== name) throw refuse(`name must be "${name}", as its folder is`)
  const { resize, crop } = value.input
  if (crop > resize) throw refuse(`input.crop (${crop}) must be at most input.resize (${resize})`)
  return value
}

/** `input.crop must be >= 1; file.sha256 must match …`. What a field held is left out. */
function describeErrors(value: unknown): string {
  const lines = Value.Errors(ModelManifest, value).map(({ instancePath, message }) =>
    `${instancePath.slice(1).replaceAll('/', '.')} ${message}`.trim(),
  )
  return [...new Set(lines)].join('; ')
}
