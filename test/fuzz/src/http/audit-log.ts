import { FORGED_MESSAGE } from './hostile-text.ts'

export interface LogAudit {
  lines: number
  /** Lines that are not one JSON object of the gateway's own, or that somebody outside has written. */
  forged: string[]
  /** Lines with one of the secrets in them. */
  leaking: string[]
  /** Paths of the requests that the gateway took for requests. */
  paths: Set<string>
  /** Lines that say that something went wrong which should not have. */
  errors: string[]
}

interface Line {
  level: number
  time: string
  service: string
  msg: string
  path?: string
}

const ERROR_LEVEL = 50

const parse = (text: string): Line | null => {
  try {
    return JSON.parse(text) as Line
  } catch {
    return null
  }
}

const hasControlCharacter = (text: string): boolean => /\p{Cc}/u.test(text)

const isOwn = (line: Line | null): line is Line =>
  typeof line === 'object' &&
  line !== null &&
  line.service === 'gateway' &&
  typeof line.level === 'number' &&
  typeof line.msg === 'string' &&
  !Number.isNaN(Date.parse(line.time)) &&
  line.msg !== FORGED_MESSAGE

/** Reads a gateway's log as somebody would who trusts it. */
export const auditLog = (log: string, secrets: readonly string[]): LogAudit => {
  const audit: LogAudit = { lines: 0, forged: [], leaking: [], paths: new Set(), errors: [] }
  for (const text of log.split('\n')) {
    if (text === '') continue
    audit.lines += 1
    const line = parse(text)
    if (secrets.some((secret) => text.includes(secret))) audit.leaking.push(text)
    if (!isOwn(line) || hasControlCharacter(text)) {
      audit.forged.push(text)
      continue
    }
    if (line.path !== undefined) audit.paths.add(line.path)
    if (line.level >= ERROR_LEVEL) audit.errors.push(text)
  }
  return audit
}
