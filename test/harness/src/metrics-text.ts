export interface Sample {
  /** With the suffix that samples of a histogram have. */
  name: string
  labels: Record<string, string>
  value: number
}

/** Metrics in the text format of Prometheus: the type of each name, and the samples. */
export const parseMetrics = (text: string) => {
  const types = new Map(
    Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]),
  )
  const samples = Array.from(
    text.matchAll(/^([a-z_]\w*)(?:\{(.*)\})? (\S+)$/gim),
    ([, name = '', labels = '', value]): Sample => ({
      name,
      labels: Object.fromEntries(
        Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, key = '', label = '']) => [key, label]),
      ),
      value: Number(value),
    }),
  )
  return {
    types,
    samples,
    /** The sum of the samples of this name whose labels are these. */
    sum: (name: string, labels: Record<string, string> = {}): number =>
      samples
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        .reduce((total, { value }) => total + value, 0),
  }
}
export type Metrics = ReturnType<typeof parseMetrics>

/** What a process says of itself. */
export const scrape = async (url: string, headers: Record<string, string> = {}): Promise<Metrics> => {
  const answer = await fetch(`${url}/metrics`, { headers })
  if (answer.status !== 200) throw new Error(`/metrics answered ${answer.status}`)
  return parseMetrics(await answer.text())
}
