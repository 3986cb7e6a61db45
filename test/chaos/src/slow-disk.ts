import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const SOURCE = join(import.meta.dirname, '../slow-fsync.c')

/**
 * The environment of a Redis whose background fsyncs take as long as on a busy disk, whatever this machine's disk is.
 *
 * @throws Error where there is no C compiler, `cc`
 */
export const buildSlowDisk = async (dir: string): Promise<Record<string, string>> => {
  const library = join(dir, 'slow-fsync.so')
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-o', library, SOURCE])
  return { LD_PRELOAD: library }
}
