// Writes docs/openapi.json and docs/configuration.md from the schemas that the apps validate with; `--check` only
// compares, and fails when the files in the repository differ.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildApp } from '../apps/gateway/dist/app.js'
import { VERSION } from '../apps/gateway/dist/open-gateway.js'
import { GatewaySettings } from '../apps/gateway/dist/config.js'
import { createLogger } from '../packages/shared/dist/logger.js'
import { WorkerSettings } from '../apps/worker/dist/config.js'

const root = join(import.meta.dirname, '..')

const makeOpenapi = async () => {
  // Routes touch their dependencies only when they are called.
  const waits = { stop: () => undefined }
  const log = createLogger({ service: 'docs', level: 'silent' })
  const options = {
    version: VERSION,
    trustProxy: false,
    operatorKey: null,
    requestTimeoutMs: 1000,
    corsOrigins: [],
    access: { metrics: 'open', queues: 'open', docs: 'open' },
  }
  const app = await buildApp({ log, waits }, options)
  await app.ready()
  const document = app.swagger()
  await app.close()
  return `${JSON.stringify(document, null, 2)}\n`
}

const describeValues = (schema) => {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ')
  if (schema.type === 'integer')
    return `integer from ${schema.minimum}${schema.maximum ? ` to ${schema.maximum}` : ''}`
  return 'text'
}

const makeTable = (settings) => {
  const rows = Object.entries(settings.properties).map(([name, schema]) => {
    const fallback = schema.default === undefined ? '' : `\`${schema.default}\``
    return `| \`${name}\` | ${fallback} | ${describeValues(schema)} | ${schema.description} |`
  })
  return ['| variable | default | values | what it does |', '|---|---|---|---|', ...rows].join('\n')
}

const makeConfiguration = () => `# Settings

Generated from the schemas in \`apps/gateway/src/config.ts\` and \`apps/worker/src/config.ts\` by \`pnpm gen\`. Both read
environment variables once, at the start; an empty one counts as not set; a bad one ends the start with its name and
its rule. Durations are \`500ms\`, \`30s\`, \`5m\`, \`1h\`, \`2d\`; a bare number is seconds. What \`run.sh\` takes is in
\`./run.sh --help\`.

## Gateway

${makeTable(GatewaySettings)}

## Worker

${makeTable(WorkerSettings)}
`

const FILES = { 'docs/openapi.json': makeOpenapi, 'docs/configuration.md': makeConfiguration }

let isStale = false
for (const [path, make] of Object.entries(FILES)) {
  const text = await make()
  const current = await readFile(join(root, path), 'utf8').catch(() => null)
  if (text === current) continue
  if (process.argv.includes('--check')) {
    console.log(`${path} is not what the sources say`)
    isStale = true
  } else {
    await writeFile(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}
process.exitCode = isStale ? 1 : 0
