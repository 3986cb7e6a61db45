// Loaded into a worker before its own code, to show that the proof can fail: what a worker that stops should put back
// into the queue is dropped, so that nobody will ever run it.
import { Redis } from 'ioredis'

// The line of the worker's script (hand-back.ts) that does it.
const PUT_BACK = "redis.call('ZADD', KEYS[5], score, ARGV[1])"

const runScript = Reflect.get(Redis.prototype, 'eval') as (...args: unknown[]) => unknown

Object.assign(Redis.prototype, {
  eval(this: Redis, script: string, ...rest: unknown[]): unknown {
    return Reflect.apply(runScript, this, [script.replace(PUT_BACK, ''), ...rest])
  },
})
