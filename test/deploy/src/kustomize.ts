import { REPO_ROOT } from '@menagerie/harness/paths'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

export const MANIFESTS_DIR = join(REPO_ROOT, 'deploy', 'k8s')

export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: unknown
}

// Components, and labels that reach into pods, came with 4.1; Debian 12 has a kubectl with 2.0.
const KUSTOMIZE_MIN = [4, 1] as const

/** Why nothing can be built here, or false. */
export const findKustomizeFault = (): string | false => {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '--output=json'], { encoding: 'utf8' })
  const [, major, minor] = /"kustomizeVersion": *"v(\d+)\.(\d+)/.exec(stdout ?? '') ?? []
  if (major === undefined || minor === undefined) return 'needs kubectl of Kubernetes 1.22 or newer'
  const isNewEnough =
    Number(major) > KUSTOMIZE_MIN[0] ||
    (Number(major) === KUSTOMIZE_MIN[0] && Number(minor) >= KUSTOMIZE_MIN[1])
  return isNewEnough
    ? false
    : `needs kubectl of Kubernetes 1.22 or newer; this one has kustomize ${major}.${minor}`
}

export const listOverlays = (): string[] => readdirSync(join(MANIFESTS_DIR, 'overlays')).toSorted()

/** What `kubectl apply -k` would send. */
export const buildKustomization = (folder: string): KubernetesObject[] => {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject)
}

export const buildOverlay = (name: string): KubernetesObject[] =>
  buildKustomization(join(MANIFESTS_DIR, 'overlays', name))
