import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FuzzCase } from './build-case.ts'

interface SavedFinding {
  kind: string
  cases: FuzzCase[]
  detail: string
}

/** A folder for what is worth a second look; it comes into being with the first file, and stays. */
export const createFindingFolder = (seed: number, log: (text: string) => void) => {
  let opening: Promise<string> | null = null

  const saveCase = async ({ number, bytes, description }: FuzzCase): Promise<void> => {
    opening ??= mkdtemp(join(tmpdir(), 'menagerie-fuzz-'))
    const path = join(await opening, `seed-${seed}-case-${number}`)
    await writeFile(path, bytes)
    log(`  ${description}\n  ${path}\n`)
  }

  return {
    saveCase,
    async saveFinding({ kind, cases, detail }: SavedFinding): Promise<void> {
      const numbers = cases.map(({ number }) => number).join(', ')
      log(
        `\n${kind}, seed ${seed}, ${numbers === '' ? 'after the last case' : `case ${numbers}`}: ${detail}\n`,
      )
      for (const fuzzCase of cases) await saveCase(fuzzCase)
    },
  }
}
