// Everything that a machine can hold about the sources. Prints `check <name> ok` or `check <name> FAILED` for each.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const bin = (name) => join(root, 'node_modules', '.bin', name)

const CHECKS = [
  ['types', bin('tsc'), ['-b'], 'fix the types'],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings'], 'pnpm lint --fix'],
  ['format', bin('oxfmt'), ['--check', '.'], 'pnpm format'],
  ['unused', bin('knip'), [], 'delete what nothing uses'],
  ['layers', process.execPath, ['scripts/check-layers.mjs'], 'see ARCHITECTURE.md, “Layers”'],
  [
    'generated',
    process.execPath,
    ['scripts/generate-docs.mjs', '--check'],
    'pnpm gen, and commit what it writes',
  ],
]

const runCheck = ([name, command, args, remedy]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) {
    console.log(`check ${name} ok`)
    return true
  }
  console.log(`${stdout}${stderr}`.trim())
  console.log(`to mend it: ${remedy}`)
  console.log(`check ${name} FAILED`)
  return false
}

const areAllOk = CHECKS.map(runCheck).every(Boolean)
console.log('checks done')
process.exitCode = areAllOk ? 0 : 1
