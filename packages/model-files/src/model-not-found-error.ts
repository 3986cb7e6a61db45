/** One place that was looked at, and why it did not give the model. */
export interface Attempt {
  readonly where: string
  readonly reason: string
}

/** No source had the weights. The message names each and ends with what to do. */
export class ModelNotFoundError extends Error {
  readonly attempts: readonly Attempt[]
  constructor(name: string, attempts: readonly Attempt[]) {
    const tried = attempts.map(({ where, reason }) => `  - ${where}: ${reason}`)
    super(
      [
        `no weights for model "${name}". Tried:`,
        ...tried,
        `Put the file at <MODEL_DIR>/${name}/model.onnx and set MODEL_DIR, or run "pnpm model pull ${name}" ` +
          'where the addresses can be reached.',
      ].join('\n'),
    )
    this.name = 'ModelNotFoundError'
    this.attempts = attempts
  }
}
