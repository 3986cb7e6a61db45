import { readFile, rename, writeFile } from 'node:fs/promises'
import { readProcessIdentity } from './process-identity.ts'

export interface RecordedProcess {
  name: string
  pid: number
  identity: string
}

/** What a run leaves on disk, so that the next one can tell whether it is still there, and clean up after it. */
export interface RunRecord {
  url: string
  launcher: RecordedProcess
  children: RecordedProcess[]
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isProcess = (value: unknown): value is RecordedProcess =>
  isObject(value) &&
  typeof value['name'] === 'string' &&
  Number.isInteger(value['pid']) &&
  typeof value['identity'] === 'string'

const isRunRecord = (value: unknown): value is RunRecord =>
  isObject(value) &&
  typeof value['url'] === 'string' &&
  isProcess(value['launcher']) &&
  Array.isArray(value['children']) &&
  value['children'].every(isProcess)

/** undefined when there is none, or none that can be trusted. */
export const readRunRecord = async (path: string): Promise<RunRecord | undefined> => {
  try {
    const record: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRunRecord(record) ? record : undefined
  } catch {
    return undefined
  }
}

/** Replaces the record in one step: a kill in between leaves the old one. */
export const writeRunRecord = async (path: string, record: RunRecord): Promise<void> => {
  await writeFile(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`)
  await rename(`${path}.new`, path)
}

/** undefined when the process is gone already. */
export const identifyProcess = async (name: string, pid: number): Promise<RecordedProcess | undefined> => {
  const identity = await readProcessIdentity(pid)
  return identity === undefined ? undefined : { name, pid, identity }
}

/** Whether exactly this process still runs, and not another one with its number. */
export const isSameProcess = async (recorded: RecordedProcess): Promise<boolean> =>
  (await readProcessIdentity(recorded.pid)) === recorded.identity
