import { userInfo } from 'node:os'
import { PACKAGE_MANAGERS, type PackageManager } from './package-managers.ts'
import { findRedisServer } from './redis-server.ts'
import { canRun, runLogged } from './run-command.ts'

export interface InstallOptions {
  log: (line: string) => void
  /** Receives what the package manager says. */
  logPath: string
  signal?: AbortSignal | undefined
}

/** The package manager of this system. */
export const findPackageManager = async (): Promise<PackageManager | undefined> => {
  for (const manager of PACKAGE_MANAGERS) {
    if (await canRun(manager.command, ['--version'])) return manager
  }
  return undefined
}

/** The words to put before a command so that it runs with the rights it needs; undefined: not without a password. */
const findPrivilege = async (manager: PackageManager): Promise<string[] | undefined> => {
  const isRoot = userInfo().uid === 0
  if (!manager.needsRoot) return isRoot ? undefined : []
  if (isRoot) return []
  return (await canRun('sudo', ['-n', 'true'])) ? ['sudo', '-n'] : undefined
}

/**
 * Installs Redis or Valkey by the system's package manager where that needs no password.
 *
 * @returns the command of the server, or undefined when nothing could be installed
 */
export const installRedis = async (
  manager: PackageManager,
  options: InstallOptions,
): Promise<string | undefined> => {
  const privilege = await findPrivilege(manager)
  if (privilege === undefined) return undefined
  for (const packageName of manager.packages) {
    options.log(`Installing ${packageName} with ${manager.command} (its output: ${options.logPath})`)
    const [command = '', ...args] = [...privilege, ...manager.install(packageName)]
    if (!(await runLogged(command, args, options))) continue
    const binary = await findRedisServer()
    if (binary !== undefined) return binary
  }
  options.log(`${manager.command} could not install Redis or Valkey: see ${options.logPath}`)
  return undefined
}
