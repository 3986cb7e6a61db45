const FILENAME_LENGTH_MAX = 255

/** The last part of a URL's path, as a label and nothing else; null when there is none. */
export const namePicture = ({ pathname }: URL): string | null => {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1)
  try {
    return decodeURIComponent(last).slice(0, FILENAME_LENGTH_MAX) || null
  } catch {
    // A `%` that begins no escape sequence.
    return last.slice(0, FILENAME_LENGTH_MAX)
  }
}
