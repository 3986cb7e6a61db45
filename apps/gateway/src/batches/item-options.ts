import { BatchItemOptions } from '@menagerie/contract/batch'
import { AppError } from '@menagerie/contract/errors'
import { METADATA_BYTES_MAX } from '@menagerie/contract/prediction'
import { Compile } from 'typebox/compile'
import { parseJsonObject } from '../parse-json-object.ts'

/** What the form field `items` says of single files, by their names. */
export type ItemOptions = ReadonlyMap<string, BatchItemOptions>

const itemOptions = Compile(BatchItemOptions)

const parseItem = (name: string, value: unknown): BatchItemOptions => {
  if (!itemOptions.Check(value)) {
    throw new AppError(
      'request_invalid',
      `items: ${JSON.stringify(name)} must be an object with custom_id and metadata, or one of them`,
    )
  }
  if (Buffer.byteLength(JSON.stringify(value.metadata ?? {})) > METADATA_BYTES_MAX) {
    throw new AppError(
      'request_invalid',
      `items: the metadata of ${JSON.stringify(name)} may have at most ${METADATA_BYTES_MAX} bytes`,
    )
  }
  return value
}

/** @throws AppError `request_invalid` */
export const parseItemOptions = (text: string | undefined): ItemOptions => {
  if (text === undefined) return new Map()
  const value = parseJsonObject(text, 'items', ', with the names of files')
  return new Map(Object.entries(value).map(([name, item]) => [name, parseItem(name, item)]))
}
