import { readFile } from 'node:fs/promises'
import { codeOf, messageOf } from './error-text.ts'

/** Reads and parses a JSON file. Throws an Error that names the file when it is missing or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new Error(`${path}: cannot be read (${codeOf(cause)})`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`${path}: is not valid JSON (${messageOf(cause)})`, { cause })
  }
}
