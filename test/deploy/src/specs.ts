import type { KubernetesObject } from './kustomize.ts'

export type Labels = Readonly<Record<string, string>>

export interface Selector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: ReadonlyArray<{ key: string; operator: string; values?: readonly string[] }>
}

interface Probe {
  readonly httpGet?: { path: string; port: string }
  readonly exec?: { command: readonly string[] }
  readonly periodSeconds: number
  readonly failureThreshold?: number
}

interface EnvEntry {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: { secretKeyRef: { name: string; key: string; optional?: boolean } }
}

export interface Container {
  readonly name: string
  readonly image: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly EnvEntry[]
  readonly envFrom?: ReadonlyArray<{ configMapRef: { name: string } }>
  readonly ports: ReadonlyArray<{ name: string; containerPort: number }>
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
  readonly resources: Record<'requests' | 'limits', Labels>
  readonly securityContext: unknown
  readonly volumeMounts?: ReadonlyArray<{ name: string; mountPath: string }>
}

export interface PodSpec {
  readonly automountServiceAccountToken: boolean
  readonly containers: readonly [Container, ...Container[]]
  readonly securityContext: Record<string, unknown>
  readonly terminationGracePeriodSeconds: number
  readonly volumes?: ReadonlyArray<{
    name: string
    emptyDir?: { medium?: string; sizeLimit?: string }
    secret?: unknown
  }>
}

interface Peer {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}
interface Rule {
  readonly from?: readonly Peer[]
  readonly to?: readonly Peer[]
  readonly ports?: ReadonlyArray<{ port: number }>
}
export interface Trigger {
  readonly type: string
  readonly metadata: Labels
  readonly authenticationRef?: { readonly name: string }
}
interface Template {
  readonly selector: Selector
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec }
}
interface Scaler {
  readonly scaleTargetRef: { readonly name: string }
}

/** What the tests look at; the published schemas hold the rest. */
interface Specs {
  Deployment: Template
  StatefulSet: Template
  Service: { readonly selector: Labels; readonly ports: ReadonlyArray<{ port: number; targetPort: string }> }
  HorizontalPodAutoscaler: Scaler
  ScaledObject: Scaler & { readonly triggers: readonly Trigger[] }
  TriggerAuthentication: unknown
  PodDisruptionBudget: { readonly selector: Selector }
  NetworkPolicy: {
    readonly podSelector: Selector
    readonly policyTypes: readonly string[]
    readonly ingress?: readonly Rule[]
    readonly egress?: readonly Rule[]
  }
  PodMonitor: {
    readonly jobLabel: string
    readonly selector: Selector
    readonly podMetricsEndpoints: ReadonlyArray<{ port: string }>
  }
  Secret: unknown
}

export const listKind = <Kind extends keyof Specs>(
  objects: readonly KubernetesObject[],
  kind: Kind,
): Array<{ name: string; spec: Specs[Kind] }> =>
  objects
    .filter((object) => object.kind === kind)
    .map(({ metadata, spec }) => ({ name: metadata.name, spec: spec as Specs[Kind] }))
