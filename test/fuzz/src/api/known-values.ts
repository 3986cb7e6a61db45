import type { ApiDocument } from '@menagerie/gateway/openapi/document'

const KEPT = 50

/**
 * What earlier answers named, for later requests: whatever looks like the URL of a documented route gives the values of
 * its path, and a member called like a path parameter gives one too. So ids find their way to the routes that take them.
 */
export const createKnownValues = (document: ApiDocument) => {
  /** `/v1/predictions/{id}` → newest last. */
  const values = new Map<string, string[]>()
  const routes = Object.keys(document.paths)
    .filter((path) => path.includes('{'))
    .map((path) => ({
      prefix: path.slice(0, path.indexOf('{')),
      name: /\{(\w+)\}/.exec(path)?.[1] ?? '',
      pattern: new RegExp(`^(?:https?://[^/]+)?${path.replaceAll(/\{\w+\}/g, '([^/?#]+)')}$`),
    }))

  const remember = (place: string, value: string): void => {
    const list = values.get(place) ?? []
    values.set(place, [...list.filter((known) => known !== value), value].slice(-KEPT))
  }
  const learnText = (name: string, text: string): void => {
    remember(name, text)
    for (const { prefix, pattern } of routes) {
      const value = pattern.exec(text)?.[1]
      if (value !== undefined) remember(prefix, decodeURIComponent(value))
    }
  }
  const learn = (name: string, value: unknown): void => {
    if (typeof value === 'string' || typeof value === 'number') learnText(name, String(value))
    else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) learn(Array.isArray(value) ? name : key, member)
    }
  }

  return {
    learn,
    /** The value for a parameter of this route that was named so many values ago; null: none is known. */
    recall(path: string, parameter: string, ago: number): string | null {
      const list = values.get(path.slice(0, path.indexOf(`{${parameter}}`))) ?? values.get(parameter) ?? []
      return list.length === 0 ? null : (list.at(-1 - (ago % list.length)) ?? null)
    },
  }
}
