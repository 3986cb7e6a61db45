import { commandToType } from './package-managers.ts'
import { findPackageManager, installRedis, type InstallOptions } from './install-redis.ts'
import { isDockerRunning, pullRedisImage, startRedisContainer } from './redis-container.ts'
import { findRedisServer, startRedisServer, type StartRedis } from './redis-server.ts'

/**
 * Finds a way to run Redis here: a server on PATH, else one that the package manager installs without a
 * password, else docker.
 *
 * @throws Error with the command to type when there is none
 */
export const obtainRedis = async (options: InstallOptions): Promise<StartRedis> => {
  const found = await findRedisServer()
  if (found !== undefined) return (server) => startRedisServer({ binary: found, ...server })

  const manager = await findPackageManager()
  const installed = manager === undefined ? undefined : await installRedis(manager, options)
  if (installed !== undefined) return (server) => startRedisServer({ binary: installed, ...server })

  if ((await isDockerRunning()) && (await pullRedisImage(options))) return startRedisContainer

  throw new Error(
    'Menagerie needs Redis or Valkey, and could not install it by itself. Type\n\n' +
      `  ${commandToType(manager)}\n\n` +
      'and start again; or say where one runs: REDIS_URL=redis://host:6379 ./run.sh',
  )
}
