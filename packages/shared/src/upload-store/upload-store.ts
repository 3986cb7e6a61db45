/**
 * Keeps the bytes of an upload between gateway and worker, under ids of `createUploadId`, so that two uploads never meet.
 * What has been put is there for every gateway and worker, and survives a crash of any of them. Methods reject when the
 * store cannot be used: Redis with its own error, the others with `upload_store_unavailable`, which never means that the
 * bytes are gone.
 */
export interface UploadStore {
  /** Stores the bytes. After `ttlMs` nobody needs them: Redis drops them by itself, elsewhere the sweep does. */
  put(id: string, bytes: Buffer, ttlMs: number): Promise<void>
  /** The bytes, or null when they are gone. */
  get(id: string): Promise<Buffer | null>
  /** Forgets the bytes, also what is left of a `put` that was broken off; no error when there are none. */
  delete(id: string): Promise<void>
  /** The ids of all uploads there are, in no order, some maybe twice; what comes or goes meanwhile may be in it or not. */
  list(): AsyncIterable<string>
}
