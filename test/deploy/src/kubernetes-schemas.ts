import { REPO_ROOT } from '@menagerie/harness/paths'
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubernetesObject } from './kustomize.ts'

// Packages that are generated from the OpenAPI document of Kubernetes and from the CRDs of KEDA and the Prometheus operator.
const MODULES: Readonly<Record<string, string>> = {
  v1: 'kubernetes-models/v1',
  'apps/v1': 'kubernetes-models/apps/v1',
  'autoscaling/v2': 'kubernetes-models/autoscaling/v2',
  'networking.k8s.io/v1': 'kubernetes-models/networking.k8s.io/v1',
  'policy/v1': 'kubernetes-models/policy/v1',
  'keda.sh/v1alpha1': '@kubernetes-models/keda/keda.sh/v1alpha1',
  'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
}

type Model = new (data: unknown) => { validate: () => void }

const findModule = ({ apiVersion, kind }: KubernetesObject): string => {
  const folder = MODULES[apiVersion]
  if (folder === undefined) throw new Error(`no schemas are known for ${apiVersion} (${kind})`)
  return `${folder}/${kind}`
}

const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind}-${metadata.name}`

/** Types, required fields, patterns and ranges. The schemas do not mind fields that they do not know. */
const findValueFault = async (object: KubernetesObject): Promise<string[]> => {
  const models = (await import(findModule(object))) as Record<string, Model>
  const Model = models[object.kind]
  if (Model === undefined) return [`${nameOf(object)}: there is no such kind in ${object.apiVersion}`]
  try {
    new Model(object).validate()
    return []
  } catch (error) {
    return [`${nameOf(object)}: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/**
 * Fields that are not in the schema. The compiler finds them: each object becomes a literal of the type that was generated
 * from its schema, in a file of its own, and a literal may not have more than its type, at any depth.
 */
const findUnknownFields = async (objects: readonly KubernetesObject[]): Promise<string[]> => {
  // Below this package, so that its dependencies are found.
  const parent = join(REPO_ROOT, 'test', 'deploy', 'dist')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, 'objects-'))
  try {
    const files = objects.map((object) => `${nameOf(object)}.ts`)
    await Promise.all(
      objects.map((object, index) => {
        const type = `import('${findModule(object)}').I${object.kind}`
        const source = `export const object: ${type} = ${JSON.stringify(object, null, 2)}\n`
        return writeFile(join(folder, files[index] ?? ''), source)
      }),
    )
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2022',
    ]
    const tsc = join(REPO_ROOT, 'node_modules', '.bin', 'tsc')
    const { status, stdout, stderr, error } = spawnSync(tsc, [...options, ...files], {
      cwd: folder,
      encoding: 'utf8',
    })
    if (status === 0) return []
    return `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.trim().split('\n')
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What the published schemas have against these objects, one line each. */
export const findSchemaFaults = async (objects: readonly KubernetesObject[]): Promise<string[]> => [
  ...(await Promise.all(objects.map(findValueFault))).flat(),
  ...(await findUnknownFields(objects)),
]
