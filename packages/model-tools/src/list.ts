import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { standInPath, weightsPath } from '@menagerie/model-files/cache-dir'
import { digestFile } from '@menagerie/model-files/file-digest'
import { listManifests } from '@menagerie/model-files/manifest'
import { isStandIn } from '@menagerie/model-files/stand-in-marker'
import { formatBytes } from './progress.ts'
import type { Settings } from './settings.ts'

type Row = readonly [model: string, where: string, size: string, digest: string, path: string]

/** Prints the known models and each file that is here for them, in the order in which they are looked for. */
export async function list({ modelDir, cacheDir }: Settings): Promise<void> {
  const rows: Row[] = [['MODEL', 'WHERE', 'SIZE', 'DIGEST', 'FILE']]
  for (const { manifest } of await listManifests({ modelDir })) {
    const { name, file } = manifest
    const places: [where: string, path: string][] = [
      ...(modelDir ? [['model-dir', weightsPath(resolve(modelDir), name)] as [string, string]] : []),
      ['cache', weightsPath(resolve(cacheDir), name)],
      ['stand-in', standInPath(resolve(cacheDir), name)],
    ]
    const found: Row[] = []
    for (const [where, path] of places) {
      const entry = await stat(path).catch(() => null)
      if (entry !== null) {
        found.push([name, where, formatBytes(entry.size), await judge(path, file.sha256), path])
      }
    }
    rows.push(
      ...(found.length > 0 ? found : [[name, 'not here', formatBytes(file.bytes), '-', '-'] as const]),
    )
  }
  console.log(alignColumns(rows))
}

async function judge(path: string, sha256: string): Promise<string> {
  if (await isStandIn(path)) return 'untrained'
  return (await digestFile(path)) === sha256 ? 'matches' : 'DIFFERS'
}

function alignColumns(rows: readonly Row[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
