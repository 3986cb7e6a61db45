/** One answer as it came over a connection; names of headers in lower case. */
export interface Answer {
  status: number
  headers: Array<[name: string, value: string]>
  body: string
}

/** What came over a connection is not a row of answers as HTTP/1.1 has them. */
export class NotHttpError extends Error {}

export const headerOf = ({ headers }: Answer, name: string): string | null =>
  headers.find(([key]) => key === name)?.[1] ?? null

const parseHead = (text: string): Pick<Answer, 'status' | 'headers'> => {
  const [line = '', ...rest] = text.split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) [\t\u0020-\u007E]*$/.exec(line)?.[1]
  if (status === undefined) throw new NotHttpError(`a status line ${JSON.stringify(line.slice(0, 100))}`)
  const headers = rest.map((header): [string, string] => {
    const [, name, value] =
      /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\u0020-\u007E\u0080-\u00FF]*)$/.exec(header) ?? []
    if (name === undefined || value === undefined)
      throw new NotHttpError(`a header ${JSON.stringify(header)}`)
    return [name.toLowerCase(), value]
  })
  return { status: Number(status), headers }
}

const parseChunks = (text: string): { body: string; length: number } | null => {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (Number.isNaN(size)) throw new NotHttpError(`a chunk of ${text.slice(at, lineEnd)} bytes`)
    const start = lineEnd + 2
    if (start + size + 2 > text.length) return null
    body += text.slice(start, start + size)
    at = start + size + 2
    if (size === 0) return { body, length: at }
  }
}

const readBody = (
  head: Pick<Answer, 'status' | 'headers'>,
  text: string,
): { body: string; length: number } | null => {
  const value = (name: string) => head.headers.find(([key]) => key === name)?.[1]
  if (head.status === 204 || head.status === 304 || head.status < 200) return { body: '', length: 0 }
  // An answer to HEAD has a length and no body: then the next answer follows, or nothing.
  if (text === '' || text.startsWith('HTTP/1.1 ')) return { body: '', length: 0 }
  if (value('transfer-encoding') === 'chunked') return parseChunks(text)
  const length = Number(value('content-length') ?? text.length)
  return text.length < length ? null : { body: text.slice(0, length), length }
}

/**
 * The answers that have come whole; what is left is the beginning of another.
 *
 * @param text what the server has sent, a character for each byte
 * @throws NotHttpError
 */
export const parseAnswers = (text: string): { answers: Answer[]; rest: string } => {
  const answers: Answer[] = []
  let rest = text
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return { answers, rest }
    const head = parseHead(rest.slice(0, end))
    const read = readBody(head, rest.slice(end + 4))
    if (read === null) return { answers, rest }
    answers.push({ ...head, body: Buffer.from(read.body, 'latin1').toString('utf8') })
    rest = rest.slice(end + 4 + read.length)
  }
}
