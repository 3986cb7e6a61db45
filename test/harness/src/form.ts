/** A multipart form with a picture under `file` and text fields beside it. */
export const makeForm = (
  picture: Uint8Array,
  fields: Record<string, string> = {},
  filename = 'photo.jpg',
): FormData => {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.set(name, value)
  form.set('file', new Blob([new Uint8Array(picture)], { type: 'image/jpeg' }), filename)
  return form
}
