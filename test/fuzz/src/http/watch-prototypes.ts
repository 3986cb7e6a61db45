/**
 * Loaded into the gateway before anything else: says on stderr, where nothing should be, when the prototype of all
 * objects has got a member. A request that did it would have reached into every other one.
 */
const known = new Set(Reflect.ownKeys(Object.prototype))
const CHECK_INTERVAL_MS = 500

const check = (): void => {
  const added = Reflect.ownKeys(Object.prototype).filter((key) => !known.has(key))
  if (added.length > 0)
    process.stderr.write(`Object.prototype has been polluted: ${added.map(String).join(', ')}\n`)
}

setInterval(check, CHECK_INTERVAL_MS).unref()
process.on('exit', check)
