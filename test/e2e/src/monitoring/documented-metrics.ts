import { REPO_ROOT } from '@menagerie/harness/paths'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface DocumentedMetric {
  name: string
  type: string
  labels: string[]
  from: 'gateway' | 'worker'
}

/** The table of docs/metrics.md. */
export const documentedMetrics: DocumentedMetric[] = Array.from(
  readFileSync(join(REPO_ROOT, 'docs', 'metrics.md'), 'utf8').matchAll(
    /^\| `(menagerie_\w+)` \| (\w+) \| ([\w, ]*?) ?\| (gateway|worker) \| .+ \|$/gm,
  ),
  ([, name = '', type = '', labels = '', from]) => ({
    name,
    type,
    labels: labels.split(', ').filter(Boolean),
    from: from as DocumentedMetric['from'],
  }),
)
