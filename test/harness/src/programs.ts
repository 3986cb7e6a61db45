import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'

/** For the `skip` of a test: why it cannot run here, or false when this program is installed (scripts/install-test-tools.sh). */
export const skipWithout = (program: string): string | false =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
    ? false
    : `${program} is not installed`

/** Runs a program to its end. */
export const runProgram = async (program: string, args: string[], input = '') => {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  // It may end before it has read everything.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, output: `${out}${err}` }
}
