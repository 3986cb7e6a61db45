import { Releasers } from '@menagerie/shared/releasers'
import type { TestContext } from 'node:test'

const releasersOf = new WeakMap<TestContext, Releasers>()

/** Runs when the test is over, whatever its outcome; what was opened last is released first. */
export const atEnd = (t: TestContext, name: string, release: () => unknown): void => {
  let releasers = releasersOf.get(t)
  if (releasers === undefined) {
    const created = new Releasers()
    t.after(() => created.close())
    releasersOf.set(t, created)
    releasers = created
  }
  releasers.push(name, release)
}
