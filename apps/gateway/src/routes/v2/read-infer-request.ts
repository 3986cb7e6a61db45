import { AppError } from '@menagerie/contract/errors'
import { decodeBase64 } from '../../decode-base64.ts'
import { createJsonParser } from '../../parse-json.ts'
import { ALL_OUTPUTS } from './outputs.ts'
import { InferRequest, type RequestInput, type RequestOutput } from './schemas.ts'
import { LENGTH_BYTES } from './tensors.ts'

export interface Infer {
  id: string | null
  picture: Buffer
  outputs: RequestOutput[]
  /** Whether an output that does not say is sent as binary data. */
  isBinary: boolean
}

const refuse = (why: string): AppError => new AppError('request_invalid', why)

const parseRequest = createJsonParser(InferRequest)

const requirePicture = ({ name, datatype, shape }: RequestInput): void => {
  if (datatype !== 'BYTES') throw refuse(`input '${name}' must be BYTES: one picture, as its file is`)
  // A dimension that is left open (-1) is one here.
  if (shape.some((length) => Math.abs(length) !== 1)) {
    throw refuse(`input '${name}' must have the shape [1]: one picture per request`)
  }
}

/** From the JSON: text, so the picture is in base64, in as many brackets as there are dimensions. */
const readText = ({ name, data }: RequestInput): Buffer => {
  const [text] = data?.flat(3) ?? []
  if (typeof text !== 'string') throw refuse(`input '${name}' must have one string as its data`)
  const bytes = decodeBase64(text)
  if (bytes === null) throw refuse(`the data of input '${name}' must be the picture in base64`)
  return bytes
}

const readBinary = ({ name }: RequestInput, tail: Buffer, size: number): Buffer => {
  if (size !== tail.length) {
    throw refuse(`input '${name}' has binary_data_size ${size}, but ${tail.length} bytes follow the JSON`)
  }
  const length = tail.length < LENGTH_BYTES ? -1 : tail.readUInt32LE()
  if (length !== tail.length - LENGTH_BYTES) {
    throw refuse(`the data of input '${name}' must be one element: 4 bytes with its length, then the picture`)
  }
  return tail.subarray(LENGTH_BYTES)
}

const readPicture = (input: RequestInput, tail: Buffer): Buffer => {
  requirePicture(input)
  const size = input.parameters?.binary_data_size
  if (size === undefined) {
    if (tail.length > 0)
      throw refuse(`bytes follow the JSON, but input '${input.name}' has no binary_data_size`)
    return readText(input)
  }
  if (input.data !== undefined) throw refuse(`input '${input.name}' has its data twice`)
  return readBinary(input, tail, size)
}

/**
 * Reads an inference request with one picture: in the JSON, behind it (binary tensor data extension), or, with a JSON of
 * no bytes, as the whole body.
 *
 * @param headerLength `Inference-Header-Content-Length`: bytes of JSON in the body; null when all of it is
 * @throws AppError `request_invalid`
 */
export const readInferRequest = (body: Buffer, headerLength: number | null): Infer => {
  if (headerLength === 0) return { id: null, picture: body, outputs: ALL_OUTPUTS, isBinary: true }
  const jsonLength = headerLength ?? body.length
  if (jsonLength > body.length) {
    throw refuse(`Inference-Header-Content-Length is ${jsonLength}, but the body has ${body.length} bytes`)
  }
  const { id = null, inputs, outputs = [], parameters } = parseRequest(body.subarray(0, jsonLength))
  const [input] = inputs
  if (input === undefined) throw refuse('there is no input')
  return {
    id,
    picture: readPicture(input, body.subarray(jsonLength)),
    outputs: outputs.length === 0 ? ALL_OUTPUTS : outputs,
    isBinary: parameters?.binary_data_output ?? false,
  }
}
