import type { KubernetesObject } from './kustomize.ts'
import { listKind, type Container, type Labels, type PodSpec, type Selector } from './specs.ts'

/** What a Deployment or StatefulSet makes its pods of. */
export interface Pod {
  readonly owner: string
  readonly selector: Selector
  readonly labels: Labels
  readonly spec: PodSpec
  readonly container: Container
}

export const listPods = (objects: readonly KubernetesObject[]): Pod[] =>
  [...listKind(objects, 'Deployment'), ...listKind(objects, 'StatefulSet')].map(
    ({ name, spec: { selector, template } }) => ({
      owner: name,
      selector,
      labels: template.metadata.labels,
      spec: template.spec,
      container: template.spec.containers[0],
    }),
  )

/** The pods of a component: gateway, worker or redis. */
export const listPodsOf = (objects: readonly KubernetesObject[], component: string): Pod[] =>
  listPods(objects).filter(({ labels }) => labels['app.kubernetes.io/component'] === component)

export const isSelected = ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean =>
  Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
  matchExpressions.every(({ key, operator, values = [] }) => {
    if (operator !== 'In') throw new Error(`nobody has taught this test ${operator}`)
    return values.includes(labels[key] ?? '')
  })

/** The environment of a container, as Kubernetes makes it: `secrets` are the keys of the Secret, by their names. */
export const readContainerEnv = (
  objects: readonly KubernetesObject[],
  container: Container,
  secrets: Labels,
): Record<string, string> => {
  const env: Record<string, string> = {}
  for (const { configMapRef } of container.envFrom ?? []) {
    const map = objects.find(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef.name,
    )
    if (map === undefined) throw new Error(`there is no ConfigMap ${configMapRef.name}`)
    Object.assign(env, map.data)
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const secret = valueFrom?.secretKeyRef
    const text = secret === undefined ? value : secrets[secret.key]
    if (text === undefined)
      throw new Error(`${name} has no value: ${secret?.key ?? ''} is not in secrets.env.example`)
    // Kubernetes leaves what is not defined further up as it is, parentheses and all.
    env[name] = text.replaceAll(/\$\((\w+)\)/g, (all, key: string) => env[key] ?? all)
  }
  return env
}
