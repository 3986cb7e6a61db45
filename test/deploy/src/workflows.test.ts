// The workflows are what GitHub's own schema describes, run nothing that can be changed behind our back, and may no more
// than they must.
import { REPO_ROOT } from '@menagerie/harness/paths'
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { findWorkflowFaults, listWorkflows, readWorkflow } from './workflows.ts'

type Permissions = Readonly<Record<string, string>>
interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}
interface Job {
  readonly steps: readonly Step[]
  readonly permissions?: Permissions
  readonly strategy?: { matrix: Readonly<Record<string, readonly string[]>> }
  readonly 'timeout-minutes'?: number
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Permissions
  readonly concurrency: { 'cancel-in-progress': unknown }
  readonly jobs: Readonly<Record<string, Job>>
}

const isWriting = (permissions: Permissions = {}): boolean => Object.values(permissions).includes('write')

for (const name of listWorkflows()) {
  const text = readWorkflow(name)

  test(`${name} is valid`, async () => {
    assert.deepEqual(await findWorkflowFaults(name, text), [])
  })

  test(`${name} pins its actions by commit, with their version beside it`, () => {
    const uses = Array.from(text.matchAll(/^\s*(?:- )?uses: (.+)$/gm), ([, action]) => action ?? '')
    assert.ok(uses.length > 0)
    for (const action of uses) assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  test(`${name} has few rights`, () => {
    const { on, permissions, concurrency, jobs } = parse(text) as Workflow
    // It would run what strangers send, with the secrets of this repository.
    assert.ok(!Object.hasOwn(on, 'pull_request_target') && !Object.hasOwn(on, 'workflow_run'))
    assert.ok(!isWriting(permissions))
    assert.ok(concurrency !== undefined)
    for (const [id, job] of Object.entries(jobs)) {
      assert.ok((job['timeout-minutes'] ?? Infinity) <= 60, id)
      // What may write runs for what somebody has tagged, never for what somebody proposes.
      if (isWriting(job.permissions)) assert.deepEqual(Object.keys(on), ['push'], id)
      for (const { uses, run, with: inputs } of job.steps) {
        if (uses?.startsWith('actions/checkout@')) assert.equal(inputs?.['persist-credentials'], false, id)
        // An expression becomes part of the script; a variable of the environment does not.
        assert.ok(!run?.includes('${{'), run)
      }
    }
  })
}

test('what the workflows run and build is there', () => {
  const texts = listWorkflows().map(readWorkflow).join('\n')
  const paths = Array.from(
    texts.matchAll(/(?:^|\s)(\.ci\/run|scripts\/[\w.-]+)$/gm),
    ([, path]) => path ?? '',
  )
  assert.deepEqual(paths.toSorted(), ['.ci/run', 'scripts/install-test-tools.sh'])
  const { jobs } = parse(readWorkflow('images.yml')) as Workflow
  const images = (jobs['build']?.strategy?.matrix['image'] ?? []).map(
    (image) => `deploy/docker/${image}.Dockerfile`,
  )
  assert.ok(images.length > 1)
  for (const path of [...paths, ...images]) assert.ok(existsSync(join(REPO_ROOT, path)), path)
})

const wrong = (job: string): string => `on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n${job}`

for (const [what, job, fault] of [
  ['a key that there is none of', "    timeout-minute: 5\n    steps: [{ run: 'true' }]\n", /timeout-minute/],
  ['an unknown value in an expression', "    steps: [{ run: 'echo ${{ matrx.node }}' }]\n", /matrx/],
  [
    'a right that there is none of',
    "    permissions: { content: read }\n    steps: [{ run: 'true' }]\n",
    /content/,
  ],
] as const) {
  test(`the schema of workflows refuses ${what}`, async () => {
    assert.match((await findWorkflowFaults('wrong.yml', wrong(job))).join('\n'), fault)
  })
}
