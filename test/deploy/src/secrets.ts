import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MANIFESTS_DIR } from './kustomize.ts'

const EXAMPLES: Readonly<Record<string, string>> = {
  REDIS_PASSWORD: '0f1e2d3c4b5a',
  REDIS_URL: 'rediss://menagerie:secret@redis.example.com:6379',
  OPERATOR_KEY: '0123456789abcdef0123456789abcdef',
  WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
}

/** The keys that the documented Secret has, each with a value of the right form. */
export const readExampleSecrets = (): Record<string, string> => {
  const text = readFileSync(join(MANIFESTS_DIR, 'secrets.env.example'), 'utf8')
  const names = Array.from(text.matchAll(/^(\w+)=$/gm), ([, name]) => name ?? '')
  return Object.fromEntries(names.map((name) => [name, EXAMPLES[name] ?? '']))
}
