/** Rejects with what the signal was aborted with; `stop` ends the listening. */
export const listenForAbort = (
  signal: AbortSignal | undefined,
): { aborted: Promise<never>; stop: () => void } => {
  let stop: () => void = () => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal === undefined) return
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    stop = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  return { aborted, stop }
}
