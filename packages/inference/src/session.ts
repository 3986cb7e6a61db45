import { InferenceSession, Tensor } from 'onnxruntime-node'

export interface TensorDescription {
  name: string
  type: string
  shape: readonly (number | string)[]
}

export interface ModelSession {
  input: TensorDescription
  output: TensorDescription
  classCount: number
  /** Runs the model on one `[1, 3, size, size]` tensor; returns the logits. Blocks the calling thread. */
  run(input: Float32Array): Promise<Float32Array>
  release(): Promise<void>
}

export const describeShape = (shape: ReadonlyArray<number | string>): string => `[${shape.join(', ')}]`

const readShape = (metadata: readonly InferenceSession.ValueMetadata[], kind: string) => {
  const [value, ...others] = metadata
  if (value === undefined || others.length > 0 || !value.isTensor || value.type !== 'float32') {
    throw new Error(`the model must have one float32 ${kind}; it has ${metadata.length}`)
  }
  return value
}

/**
 * An onnxruntime session of a classifier on CPU. It knows nothing of images: a tensor in, logits out. Names,
 * batch size and output shape (`[N, C]` or `[N, C, 1, 1]`) come from the file.
 *
 * @param intraOpThreads threads that share one run, the calling one included. The number is always given: by itself
 * onnxruntime sees no container limit, and four threads on two cores give 0.31 × of two.
 * @throws Error when the model's input is not `[N|1, 3, size, size]`
 */
export const createModelSession = async (
  path: string,
  size: number,
  intraOpThreads = 1,
): Promise<ModelSession> => {
  const session = await InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: intraOpThreads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: false,
    // Threads that wait for each other sleep. Spinning is faster where nothing else runs (28 against 24 images a second
    // on two quiet cores), but decodes, the queue and neighbours do run: with others on the cores it gave 5 where
    // sleeping gave 16. Despite the type's comment this is read outside WebAssembly too; it must be a string.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  })
  const input = readShape(session.inputMetadata, 'input')
  const output = readShape(session.outputMetadata, 'output')
  const inputShape = input.isTensor ? input.shape : []
  const [batch, channels, height, width] = inputShape
  const isBatchOk = typeof batch === 'string' || batch === 1 || batch === -1
  if (inputShape.length !== 4 || !isBatchOk || channels !== 3 || height !== size || width !== size) {
    throw new Error(
      `the model takes ${describeShape(inputShape)}; the manifest says [N, 3, ${size}, ${size}]`,
    )
  }
  const outputShape = output.isTensor ? output.shape : []
  const classCount = Number(outputShape[1])
  return {
    input: { name: input.name, type: 'float32', shape: inputShape },
    output: { name: output.name, type: 'float32', shape: outputShape },
    classCount,
    async run(pixels) {
      const results = await session.run({ [input.name]: new Tensor('float32', pixels, [1, 3, size, size]) })
      const logits = results[output.name]?.data
      if (!(logits instanceof Float32Array) || logits.length !== classCount) {
        throw new Error(`the model answered without ${classCount} logits`)
      }
      return logits
    },
    release: () => session.release(),
  }
}
