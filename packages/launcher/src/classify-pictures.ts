import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { coerceError } from '@menagerie/shared/coerce-error'

export interface ClassifyOptions {
  url: string
  paths: string[]
  /** Where the service wants one. */
  apiKey?: string | undefined
  print: (text: string) => void
  signal?: AbortSignal | undefined
}

export interface PictureSummary {
  pictures: number
  answered: number
}

interface Answer {
  statusLine: string
  body: string
  ok: boolean
  trained: boolean
}

const postPicture = async (path: string, options: ClassifyOptions): Promise<Answer> => {
  const form = new FormData()
  form.set('file', new Blob([await readFile(path)]), basename(path))
  const response = await fetch(`${options.url}/`, {
    method: 'POST',
    body: form,
    ...(options.apiKey === undefined ? {} : { headers: { authorization: `Bearer ${options.apiKey}` } }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  return {
    statusLine: `HTTP/1.1 ${response.status} ${response.statusText}`,
    body: (await response.text()).trimEnd(),
    ok: response.status === 200,
    trained: response.headers.get('menagerie-trained') !== 'false',
  }
}

const formatAnswer = ({ statusLine, body, trained }: Answer): string =>
  `${statusLine}\n${body}${trained ? '' : '\n(untrained stand-in: this answer means nothing)'}`

/** Posts each picture to the service and prints a block for it: name, status line, body. */
export const classifyPictures = async (options: ClassifyOptions): Promise<PictureSummary> => {
  let answered = 0
  let untrained = false
  for (const path of options.paths) {
    options.print(basename(path))
    try {
      const answer = await postPicture(path, options)
      options.print(`${formatAnswer(answer)}\n`)
      if (answer.ok) answered += 1
      untrained ||= !answer.trained
    } catch (err) {
      options.signal?.throwIfAborted()
      options.print(`no answer: ${explain(err)}\n`)
    }
  }
  const pictures = options.paths.length
  options.print(
    `${pictures} ${pictures === 1 ? 'picture' : 'pictures'}, ${answered} answered` +
      (untrained ? ' by the UNTRAINED stand-in: these answers mean nothing' : ''),
  )
  return { pictures, answered }
}

/** fetch says only "fetch failed"; the reason is its cause. */
const explain = (err: unknown): string => {
  const { message, cause } = coerceError(err)
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
