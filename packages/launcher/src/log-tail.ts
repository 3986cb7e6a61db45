import { open } from 'node:fs/promises'

const TAIL_BYTES = 8192

/** The last lines of a log file, indented for a message; '' when there is nothing to read. */
export const readLogTail = async (path: string, lines = 10): Promise<string> => {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(TAIL_BYTES),
      position: Math.max(0, size - TAIL_BYTES),
    })
    const text = buffer.toString('utf8', 0, bytesRead).trimEnd()
    if (text === '') return ''
    return text
      .split('\n')
      .slice(-lines)
      .map((line) => `  ${line}`)
      .join('\n')
  } catch {
    return ''
  }
}
