import type { Random } from '@menagerie/harness/random'
import { CLOSE, HOST, makeHead, METHODS, TARGETS } from '../base-requests.ts'
import { pickHostile, pickOneLine } from '../hostile-text.ts'
import { sendAll, type BuildParts } from '../http-case.ts'

const ODD_METHODS = [
  'CONNECT',
  'get',
  'PRI',
  'PROPFIND',
  'X'.repeat(5000),
  '',
  'GET POST',
  'G\u0000T',
  '💥',
  '{}',
]
const ODD_VERSIONS = [
  'HTTP/1.0',
  'HTTP/0.9',
  'HTTP/2.0',
  'HTTP/1.1.1',
  'HTTP/9.9',
  'http/1.1',
  'HTTP/1.',
  'HTTQ/1.1',
  '',
]

const pickTarget = (random: Random): string => {
  const target = random.pick(TARGETS)
  return random.pick([
    target,
    `http://localhost${target}`,
    `http://evil.example${target}`,
    `https://user:password@evil.example:99999${target}`,
    'localhost:80',
    '*',
    `/${target}`,
    `//evil.example${target}`,
    `\\\\evil${target}`,
    target.slice(1),
    `${target}#fragment`,
    `${target}?${pickOneLine(random)}`,
    `/${pickOneLine(random)}`,
    `/${'a'.repeat(random.pick([100, 8000, 17_000, 70_000]))}`,
    `${target}${'/x'.repeat(500)}`,
    'file:///etc/passwd',
    '',
  ])
}

/** Request lines: methods, targets and versions that nobody should send. */
export const damageLine: BuildParts = (random) => {
  const method = random.pick(random.isOneIn(3) ? ODD_METHODS : METHODS)
  const version = random.isOneIn(4) ? random.pick(ODD_VERSIONS) : 'HTTP/1.1'
  const space = random.isOneIn(8) ? random.pick(['  ', '\t', '', '\u00A0', ' \u0000 ']) : ' '
  const target = pickTarget(random)
  return {
    description: `request line ${method.slice(0, 20)} ${target.slice(0, 40)} ${version}`,
    steps: sendAll(makeHead(`${method}${space}${target}${space}${version}`, [HOST, CLOSE])),
    ending: 'half-close',
  }
}

const OTHER_PROTOCOLS: Array<[string, string]> = [
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\u0012\u0004\0\0\0\0\0'],
  ['TLS client hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00FC\u0003\u0003'],
  ['HTTP/0.9', 'GET /livez\r\n'],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['RESP', '*1\r\n$8\r\nFLUSHALL\r\n'],
  ['SMTP', 'EHLO evil.example\r\n'],
  ['PROXY protocol', 'PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['line breaks', '\r\n'.repeat(2000)],
  ['spaces', ' '.repeat(20_000)],
  ['a server’s answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
]

/** Bytes that are no HTTP/1.1 at all. */
export const speakAnotherProtocol: BuildParts = (random) => {
  if (random.isOneIn(3)) {
    return {
      description: 'garbage',
      steps: sendAll(random.bytes(random.integer(1, 400)), pickHostile(random)),
      ending: 'half-close',
    }
  }
  const [description, text] = random.pick(OTHER_PROTOCOLS)
  return { description, steps: sendAll(text), ending: 'half-close' }
}
