import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The temporary folder of a run. */
export const createWorkFolder = async () => {
  const path = await mkdtemp(join(tmpdir(), 'menagerie-chaos-'))
  const folder = {
    path,
    logs: join(path, 'logs'),
    models: join(path, 'models'),
    redis: join(path, 'redis'),
    uploads: join(path, 'uploads'),
    /** Removes what is large; with `all`, also the logs. */
    async clean(what: { all: boolean }): Promise<void> {
      const paths = what.all ? [path] : [folder.models, folder.redis, folder.uploads]
      for (const each of paths) await rm(each, { recursive: true, force: true })
    },
  }
  for (const each of [folder.logs, folder.models, folder.redis, folder.uploads]) await mkdir(each)
  return folder
}
export type WorkFolder = Awaited<ReturnType<typeof createWorkFolder>>
