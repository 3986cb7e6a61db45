interface Release {
  name: string
  release: () => unknown
}

/**
 * Whoever opens a resource pushes its release. `close()` runs them last in, first out, all of them, once;
 * what fails is reported together at the end.
 */
export class Releasers implements AsyncDisposable {
  readonly #stack: Release[] = []
  #closing: Promise<void> | undefined

  push(name: string, release: () => unknown): void {
    this.#stack.push({ name, release })
  }

  close(): Promise<void> {
    this.#closing ??= this.#run()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run(): Promise<void> {
    const errors: Error[] = []
    for (const { name, release } of this.#stack.toReversed()) {
      try {
        await release()
      } catch (cause) {
        errors.push(new Error(`could not close ${name}`, { cause }))
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'unclean shutdown')
  }
}
