import Type from 'typebox'

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const PATTERN = String.raw`\d+(?:\.\d+)?(?:ms|s|m|h|d)?`

/** A duration in a setting: `500ms`, `30s`, `5m`, `1h`, `2d`; a bare number is seconds. */
export const DurationText = (options: { default?: string; description: string; examples?: string[] }) =>
  Type.String({ ...options, pattern: `^${PATTERN}$` })

/** Durations separated by commas. */
export const DurationListText = (options: { default?: string; description: string; examples?: string[] }) =>
  Type.String({ ...options, pattern: `^${PATTERN}(?:\\s*,\\s*${PATTERN})*$` })

/** Milliseconds of a text that fits `DurationText`. */
export const parseDurationMs = (text: string): number => {
  const unit = /[a-z]+$/.exec(text)?.[0] ?? 's'
  return Math.round(Number.parseFloat(text) * UNIT_MS[unit as keyof typeof UNIT_MS])
}

/** Milliseconds of each entry of a text that fits `DurationListText`. */
export const parseDurationListMs = (text: string): number[] =>
  text.split(',').map((entry) => parseDurationMs(entry.trim()))
