/**
 * Keeps the bytes of an upload between gateway and worker, under ids of `createUploadId`, so that two uploads never meet.
 * Methods reject with the store's own error; nothing is retried here.
 */
export interface UploadStore {
  /** Stores the bytes; they are gone after `ttlMs` at the latest. */
  put(id: string, bytes: Buffer, ttlMs: number): Promise<void>
  /** The bytes, or null when they are gone. */
  get(id: string): Promise<Buffer | null>
  /** Forgets the bytes; no error when there are none. */
  delete(id: string): Promise<void>
  /** The ids of all uploads there are, in no order, some maybe twice; what comes or goes meanwhile may be in it or not. */
  list(): AsyncIterable<string>
}
