const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text.trim())
  } catch {
    return null
  }
}

/** Reads `a=1,b=2%2C3`, as OpenTelemetry's variables have it; null when it is nothing of the kind. */
export const parseKeyValues = (text: string): Record<string, string> | null => {
  const pairs: Array<[string, string]> = []
  for (const part of text.split(',').filter((part) => part.trim() !== '')) {
    const at = part.indexOf('=')
    const [key, value] = [decode(part.slice(0, Math.max(0, at))), decode(part.slice(at + 1))]
    if (key === null || key === '' || value === null) return null
    pairs.push([key, value])
  }
  return Object.fromEntries(pairs)
}
