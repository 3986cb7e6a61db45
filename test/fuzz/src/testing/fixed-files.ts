import { avifFormat } from '../avif-format.ts'
import type { SeedFile } from '../build-case.ts'
import { gifFormat } from '../gif-format.ts'
import { jpegFormat } from '../jpeg-format.ts'
import { pngFormat } from '../png-format.ts'
import { webpFormat } from '../webp-format.ts'

const make = (name: string, format: SeedFile['format'], base64: string): SeedFile => ({
  name,
  format,
  isLarge: false,
  bytes: Buffer.from(base64, 'base64'),
})

/** A picture of 8 × 6 pixels in every format, the same bytes whatever encoder is installed. */
export const FIXED_FILES: readonly SeedFile[] = [
  make(
    'jpeg',
    jpegFormat,
    '/9j/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71////m8H////6/+b9//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj/wAARCAAGAAgDASIAAhEBAxEB/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABgQAQADAQAAAAAAAAAAAAAAAAACAwRh/8QAFQEBAQAAAAAAAAAAAAAAAAAAAAH/xAAaEQEAAQUAAAAAAAAAAAAAAAACAAEDERIx/9oADAMBAAIRAxEAPwBTjjwASrmWy1r2f//Z',
  ),
  make(
    'png',
    pngFormat,
    'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAGCAIAAABxZ0isAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAg0lEQVQI1wXBwQnEIBAF0F+K92nCJuZuJzuBEAgBEUQQIQyBsCzThFXM2Vb2PQCfgC1iTzgEp+KayAsFoD3QEelMdAllpTKpLmoAn4GvyDlxEa7KbXJfPADJQUqUmqSJdJUx5V6igNVgLVpPNsRuNZ32LHsB78FH9Du5ij/q7/Tv8t8fJ/BEo1+Y5JEAAAAASUVORK5CYII=',
  ),
  make(
    'webp',
    webpFormat,
    'UklGRkwAAABXRUJQVlA4TD8AAAAvB0ABALkyRPQ/dgSStnjbX4HofxwK2rZhjKfjj/BSEAikMJMnkLRxyR/9QTBJU23HMHPmlLMC07D4jlMfJ3AA',
  ),
  make(
    'gif',
    gifFormat,
    'R0lGODlhCAAGAIMAAGBBjnDVoIBBkUsRhiNViyOAkCKqlZURjCLVmmucmZVymMDVpsCqoRIYg88Yks9rnCH5BAQAAAAALAAAAAAIAAYAAAQcsLUxznFODiCuIyCnPE9hJsr4GGySMDAiB8FiRwA7',
  ),
  make(
    'avif',
    avifFormat,
    'AAAAHGZ0eXBhdmlmAAAAAG1pZjFhdmlmbWlhZgAAANZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAAA+gABAAAAAAAAACQAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABhdjAxAAAAAA5waXRtAAAAAAABAAAAVmlwcnAAAAA4aXBjbwAAAAxhdjFDgSACAAAAABRpc3BlAAAAAAAAAAgAAAAGAAAAEHBpeGkAAAAAAwgICAAAABZpcG1hAAAAAAAAAAEAAQOBAgMAAAAsbWRhdBIACgg4CL1pAQ0GkDIWHsJipOAAFgAAkDYMNecdGNG0L1xeIA==',
  ),
]

/** The picture of the given format. */
export const fixedFile = (name: string): SeedFile => {
  const file = FIXED_FILES.find((candidate) => candidate.name === name)
  if (file === undefined) throw new Error(`there is no ${name}`)
  return file
}
