/** What the command takes from its environment. */
export interface Settings {
  /** The model that a command is about when none is named. */
  readonly model: string
  readonly modelDir: string | undefined
  readonly cacheDir: string
  readonly isStandInAllowed: boolean
  /** Where reference pictures and their logits may be. */
  readonly fixturesDir: string
}
