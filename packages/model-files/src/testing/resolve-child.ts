// A process of its own that resolves the model `tiny`: node resolve-child.js <modelDir> <cacheDir> <lockStaleMs>
import { resolveModel } from '../resolve-model.ts'

const [modelDir, cacheDir = '', lockStaleMs] = process.argv.slice(2)
const log = { info: (line: string) => console.error(line), warn: (line: string) => console.error(line) }
const timing = { idleTimeoutMs: 20_000, retryDelayMs: 1, triesPerUrl: 2, lockStaleMs: Number(lockStaleMs) }
const found = await resolveModel({ name: 'tiny', modelDir, cacheDir, allowStandIn: false, log, timing })
console.log(JSON.stringify({ path: found.path, source: found.source }))
