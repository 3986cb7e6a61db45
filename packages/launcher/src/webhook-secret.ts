import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { errorCode } from './error-code.ts'

/** The secret that webhooks of this machine are signed with: made once, kept in a file that only its owner reads. */
export const ensureWebhookSecret = async (path: string): Promise<string> => {
  try {
    await writeFile(path, `whsec_${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (err) {
    if (errorCode(err) !== 'EEXIST') throw err
  }
  return (await readFile(path, 'utf8')).trim()
}
