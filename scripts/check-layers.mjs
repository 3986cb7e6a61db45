// Who may reach whom, through any number of packages. The linter holds the direct imports; this holds what a package
// could pull in behind another's back. Only production dependencies count: those are what an image carries.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

const FORBIDDEN = {
  '@menagerie/gateway': ['onnxruntime-node', 'sharp', '@menagerie/inference'],
  '@menagerie/inference': ['ioredis', 'bullmq', 'fastify', 'undici', '@menagerie/shared'],
  '@menagerie/contract': [
    '@menagerie/',
    'ioredis',
    'bullmq',
    'fastify',
    'undici',
    'sharp',
    'onnxruntime-node',
  ],
}

const readManifest = (folder) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
const folders = ['apps', 'packages', 'test'].flatMap((parent) =>
  readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
)
const dependencies = new Map(
  folders.map(readManifest).map(({ name, dependencies = {} }) => [name, Object.keys(dependencies)]),
)

/** Every package that `name` needs, each with the path that leads to it. */
const reach = (name, path = [name], found = new Map()) => {
  for (const dependency of dependencies.get(name) ?? []) {
    if (found.has(dependency)) continue
    found.set(dependency, [...path, dependency])
    reach(dependency, [...path, dependency], found)
  }
  return found
}

const problems = Object.entries(FORBIDDEN).flatMap(([name, forbidden]) =>
  [...reach(name)]
    .filter(([dependency]) =>
      forbidden.some(
        (entry) => dependency === entry || (entry.endsWith('/') && dependency.startsWith(entry)),
      ),
    )
    .map(([, path]) => path.join(' → ')),
)
for (const problem of problems) console.log(problem)
process.exitCode = problems.length === 0 ? 0 : 1
