const DEFAULT_SIZE = 4

/** How many threads libuv has for decodes, files and names; it reads the same variable, before any of our code runs. */
export const readLibuvPoolSize = (): number => {
  // oxlint-disable-next-line node/no-process-env -- libuv's own switch; nothing else says what it chose
  const size = Number(process.env['UV_THREADPOOL_SIZE'])
  return Number.isInteger(size) && size > 0 ? size : DEFAULT_SIZE
}
