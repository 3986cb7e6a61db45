import proto from 'onnx-proto'
import { createNormalSource } from './random-normal.ts'

const { AttributeProto, TensorProto } = proto.onnx

/** A feature map on its way through the network: the name of the tensor and how many channels it has. */
export interface Feature {
  readonly name: string
  readonly channels: number
}

export interface ConvShape {
  readonly channels: number
  readonly kernel: number
  readonly stride?: number
  readonly padding?: number
}

/** Builds an ONNX graph layer by layer, with seeded random weights; weights are named as torchvision names them. */
export interface GraphBuilder {
  conv(name: string, from: Feature, shape: ConvShape): Feature
  normRelu(name: string, from: Feature): Feature
  concat(name: string, parts: readonly Feature[]): Feature
  pool(
    name: string,
    type: 'MaxPool' | 'AveragePool',
    from: Feature,
    window: Omit<ConvShape, 'channels'>,
  ): Feature
  /** Mean over each whole map, then a fully connected layer. */
  classify(name: string, from: Feature, classes: number, output: string): void
  readonly nodes: readonly proto.onnx.INodeProto[]
  readonly initializers: readonly proto.onnx.ITensorProto[]
}

export function createGraphBuilder(seed: number): GraphBuilder {
  const fillNormal = createNormalSource(seed)
  const nodes: proto.onnx.INodeProto[] = []
  const initializers: proto.onnx.ITensorProto[] = []

  function add(
    opType: string,
    output: string,
    inputs: string[],
    attribute: proto.onnx.IAttributeProto[] = [],
  ): string {
    nodes.push({ opType, name: output, input: inputs, output: [output], attribute })
    return output
  }
  function addTensor(name: string, dims: number[], values: Float32Array): string {
    const rawData = new Uint8Array(values.buffer)
    initializers.push({ name, dims, dataType: TensorProto.DataType.FLOAT, rawData })
    return name
  }
  /** He et al., 2015: keeps the size of the signal from one ReLU layer to the next. */
  function addWeights(name: string, dims: [outputs: number, ...inputs: number[]]): string {
    const [outputs, ...inputs] = dims
    const fanIn = inputs.reduce((product, size) => product * size, 1)
    const values = new Float32Array(outputs * fanIn)
    fillNormal(values, Math.sqrt(2 / fanIn))
    return addTensor(name, dims, values)
  }
  function addConstant(name: string, length: number, value: number): string {
    return addTensor(name, [length], new Float32Array(length).fill(value))
  }

  return {
    nodes,
    initializers,
    conv(name, from, { channels, kernel, stride = 1, padding = 0 }) {
      const weight = addWeights(`${name}.weight`, [channels, from.channels, kernel, kernel])
      const attributes = windowAttributes(kernel, stride, padding)
      return { name: add('Conv', name, [from.name, weight], attributes), channels }
    },
    normRelu(name, { name: input, channels }) {
      const inputs = [
        input,
        addConstant(`${name}.weight`, channels, 1),
        addConstant(`${name}.bias`, channels, 0),
        addConstant(`${name}.running_mean`, channels, 0),
        addConstant(`${name}.running_var`, channels, 1),
      ]
      const normed = add('BatchNormalization', name, inputs, [floatAttribute('epsilon', 1e-5)])
      return { name: add('Relu', `${name}.relu`, [normed]), channels }
    },
    concat(name, parts) {
      const [first, ...rest] = parts
      if (first !== undefined && rest.length === 0) return first
      const channels = parts.reduce((sum, part) => sum + part.channels, 0)
      const inputs = parts.map((part) => part.name)
      return { name: add('Concat', name, inputs, [intAttribute('axis', 1)]), channels }
    },
    pool(name, type, { name: input, channels }, { kernel, stride = 1, padding = 0 }) {
      return { name: add(type, name, [input], windowAttributes(kernel, stride, padding)), channels }
    },
    classify(name, from, classes, output) {
      const mean = add('GlobalAveragePool', `${name}.pool`, [from.name])
      const flat = add('Flatten', `${name}.flatten`, [mean], [intAttribute('axis', 1)])
      const weight = addWeights(`${name}.weight`, [classes, from.channels])
      const bias = addConstant(`${name}.bias`, classes, 0)
      add('Gemm', output, [flat, weight, bias], [intAttribute('transB', 1)])
    },
  }
}

function windowAttributes(kernel: number, stride: number, padding: number): proto.onnx.IAttributeProto[] {
  return [
    intsAttribute('kernel_shape', [kernel, kernel]),
    intsAttribute('strides', [stride, stride]),
    intsAttribute('pads', [padding, padding, padding, padding]),
  ]
}

function intAttribute(name: string, i: number): proto.onnx.IAttributeProto {
  return { name, type: AttributeProto.AttributeType.INT, i }
}

function intsAttribute(name: string, ints: number[]): proto.onnx.IAttributeProto {
  return { name, type: AttributeProto.AttributeType.INTS, ints }
}

function floatAttribute(name: string, f: number): proto.onnx.IAttributeProto {
  return { name, type: AttributeProto.AttributeType.FLOAT, f }
}
