/** The system's short name of an error, such as `ENOENT`. */
export const errorCode = (err: unknown): string | undefined =>
  err instanceof Error && 'code' in err ? String(err.code) : undefined
