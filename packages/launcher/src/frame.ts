/** Lines in a box that cannot be overlooked. */
export const frame = (lines: string[]): string => {
  const width = Math.max(...lines.map((line) => line.length))
  const edge = '#'.repeat(width + 6)
  return [edge, ...lines.map((line) => `## ${line.padEnd(width)} ##`), edge].join('\n')
}
