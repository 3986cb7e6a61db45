import { REPO_ROOT } from '@menagerie/harness/paths'
import { register } from 'node:module'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(REPO_ROOT, '.github', 'workflows')

// GitHub's parser imports its schema as JSON without saying so, as bundlers allow and Node does not.
const JSON_HOOK = `export const load = (url, context, next) =>
  next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context)`
register(`data:text/javascript,${encodeURIComponent(JSON_HOOK)}`)

export const listWorkflows = (): string[] => readdirSync(FOLDER).toSorted()

export const readWorkflow = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')

/** What GitHub's own schema and expression parser have against the text of a workflow, one line each. */
export const findWorkflowFaults = async (name: string, content: string): Promise<string[]> => {
  const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } =
    await import('@actions/workflow-parser')
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter())
  const faults = context.errors.getErrors().map(({ message }) => message)
  if (value === undefined) return faults
  const { errors = [] } = await convertWorkflowTemplate(context, value)
  return [...new Set([...faults, ...errors.map(({ Message }) => Message)])]
}
