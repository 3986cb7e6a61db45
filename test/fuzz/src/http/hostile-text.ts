import type { Random } from '@menagerie/harness/random'

/** What a forged line would have as its message, and a forged header as its name. */
export const FORGED_MESSAGE = 'forged-by-fuzz'
export const INJECTED_HEADER = 'x-injected-by-fuzz'
/** A secret that clients send, which belongs into no log. */
export const CLIENT_SECRET = 'fuzz-client-secret-5f2a'

const FORGED_LINE = `{"level":60,"service":"gateway","msg":"${FORGED_MESSAGE}"}`

/** Latin-1, as bytes go into requests. */
export const HOSTILE_TEXTS: readonly string[] = [
  `a\r\n${INJECTED_HEADER}: 1`,
  `a\n${INJECTED_HEADER}: 1`,
  `a\r${INJECTED_HEADER}: 1`,
  `a%0d%0a${INJECTED_HEADER}:%201`,
  `a\u00C4\u008D\u00C4\u008A${INJECTED_HEADER}: 1`,
  `\n${FORGED_LINE}\n`,
  `"}\n${FORGED_LINE}\n{"a":"`,
  `%0a${encodeURIComponent(FORGED_LINE)}%0a`,
  `\\n${FORGED_LINE}\\n`,
  '\u001B[2J\u001B[31mred\u001B[0m',
  '\u001B]0;title\u0007',
  '\u009B31m',
  '\u0000',
  'a\u0000b',
  '\u0008\u0008\u0008',
  '\u007F',
  '\u00E2\u0080\u00A8',
  '\u00FF\u00FE\u00FD',
  '%s%s%s%n%d',
  '{}{}{}',
  '${jndi:ldap://127.0.0.1/a}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  "' OR '1'='1",
  '__proto__',
  'constructor.prototype.polluted',
  '__proto__[polluted]=1',
  '{"__proto__":{"polluted":true}}',
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '%252e%252e%252f',
  '%c0%ae%c0%ae/',
  '%00',
  '%',
  '%zz',
  '%ff%fe',
  `{"a":"${'x'.repeat(3000)}"}`,
  '['.repeat(2000),
  'NaN',
  '-1',
  '1e999',
  '99999999999999999999999999',
  '',
  ' ',
  '\t',
]

export const pickHostile = (random: Random): string =>
  random.isOneIn(6) ? random.bytes(random.integer(1, 60)).toString('latin1') : random.pick(HOSTILE_TEXTS)

/** Fit for a place where a line break would end it: those cases are about the text, not about the framing. */
export const pickOneLine = (random: Random): string => pickHostile(random).replaceAll(/[\r\n]/g, '')
