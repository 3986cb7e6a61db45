import { REPO_ROOT } from '@menagerie/harness/paths'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

export type DockerEnv = Record<string, string>

/**
 * Runs a command of Docker's in the repository and returns what it printed on stdout. `DOCKER_HOST` says which engine, as
 * ever.
 *
 * @param parts its arguments; those that belong together may be in arrays
 * @throws Error with what it printed on stderr
 */
export const docker = async (
  parts: readonly (string | readonly string[])[],
  env: DockerEnv = {},
): Promise<string> => {
  const args = parts.flat()
  const options = { cwd: REPO_ROOT, env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX }
  try {
    return (await run('docker', args, options)).stdout.trim()
  } catch (cause) {
    const { stderr } = cause as { stderr?: string }
    throw new Error(`docker ${args.join(' ')} failed:\n${stderr ?? String(cause)}`, { cause })
  }
}

/** Removes every tag of the images with such a name. */
export const removeImages = async (pattern: string): Promise<void> => {
  const list = ['image', 'ls', '--filter', `reference=${pattern}`, '--format', '{{.Repository}}:{{.Tag}}']
  const images = (await docker(list)).split('\n').filter(Boolean)
  if (images.length > 0) await docker(['image', 'rm', '--force', images])
}

const works = (args: string[]): Promise<boolean> =>
  docker(args).then(
    () => true,
    () => false,
  )

/** Whether compose is there. To read its file it needs no engine. */
export const hasCompose = (): Promise<boolean> => works(['compose', 'version'])

/** Whether an engine answers, and compose is there. */
export const hasEngine = async (): Promise<boolean> =>
  (await hasCompose()) && works(['version', '--format', '{{.Server.Version}}'])

export const NO_ENGINE = 'skipped: no Docker engine'
