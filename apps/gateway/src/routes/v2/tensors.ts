/** A tensor of an answer: one row of values. */
export type OutputTensor = { name: string } & (
  | { datatype: 'FP32' | 'INT32'; data: number[] }
  | { datatype: 'BYTES'; data: string[] }
  | { datatype: 'BOOL'; data: boolean[] }
)

/** 4 bytes of length, little-endian, before each element of a BYTES tensor. */
export const LENGTH_BYTES = 4

const encodeText = (text: string): Buffer => {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

const encodeNumbers = (
  data: number[],
  write: (bytes: Buffer, value: number, offset: number) => void,
): Buffer => {
  const bytes = Buffer.alloc(data.length * 4)
  for (const [i, value] of data.entries()) write(bytes, value, i * 4)
  return bytes
}

/** The bytes of a tensor as the binary tensor data extension has them: little-endian, without gaps. */
export const encodeTensor = (tensor: OutputTensor): Buffer => {
  switch (tensor.datatype) {
    case 'FP32':
      return encodeNumbers(tensor.data, (bytes, value, offset) => void bytes.writeFloatLE(value, offset))
    case 'INT32':
      return encodeNumbers(tensor.data, (bytes, value, offset) => void bytes.writeInt32LE(value, offset))
    case 'BYTES':
      return Buffer.concat(tensor.data.map(encodeText))
    case 'BOOL':
      return Buffer.from(tensor.data.map(Number))
    default:
      return tensor satisfies never
  }
}
