/**
 * ONNX files of a few hundred bytes, for tests that need a session and no trained weights: a chain of operators
 * without parameters. `['GlobalAveragePool']` has three classes, whose logits are the means of the three channels.
 */
export interface TinyModel {
  operators: string[]
  inputShape: (number | string)[]
  outputShape: (number | string)[]
}

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]

// The two kinds of protobuf field that are needed.
const integer = (field: number, value: number): number[] => [...varint(field << 3), ...varint(value)]
const bytes = (field: number, value: number[]): number[] => [
  ...varint((field << 3) | 2),
  ...varint(value.length),
  ...value,
]
const text = (field: number, value: string): number[] => bytes(field, [...Buffer.from(value)])

const FLOAT = 1
const IR_VERSION = 8
const OPSET = 13

// Field numbers are those of onnx.proto.
const encodeDimension = (size: number | string): number[] =>
  bytes(1, typeof size === 'number' ? integer(1, size) : text(2, size))

const encodeTensor = (name: string, shape: (number | string)[]): number[] => [
  ...text(1, name),
  ...bytes(2, bytes(1, [...integer(1, FLOAT), ...bytes(2, shape.flatMap(encodeDimension))])),
]

export const encodeTinyModel = ({ operators, inputShape, outputShape }: TinyModel): Buffer => {
  const names = ['picture', ...operators.map((_, i) => (i === operators.length - 1 ? 'scores' : `step_${i}`))]
  const nodes = operators.flatMap((operator, i) =>
    bytes(1, [...text(1, names[i] ?? ''), ...text(2, names[i + 1] ?? ''), ...text(4, operator)]),
  )
  const graph = [
    ...nodes,
    ...text(2, 'tiny'),
    ...bytes(11, encodeTensor('picture', inputShape)),
    ...bytes(12, encodeTensor('scores', outputShape)),
  ]
  return Buffer.from([...integer(1, IR_VERSION), ...bytes(7, graph), ...bytes(8, integer(2, OPSET))])
}

/** The three channel means of an 8 × 8 picture. */
export const CHANNEL_MEANS: TinyModel = {
  operators: ['GlobalAveragePool'],
  inputShape: ['N', 3, 8, 8],
  outputShape: ['N', 3, 1, 1],
}
