/** One file of a batch, to be read to its end, or closed, before the next one. */
export interface FileSource {
  /** As the client called it: a label, never a path. */
  name: string
  chunks: AsyncIterable<Buffer>
}

/** The files of a batch, in order. */
export type FileSources = AsyncGenerator<FileSource, void, undefined>
