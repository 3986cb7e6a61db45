import { AppError } from '@menagerie/contract/errors'
import { TOP_K_DEFAULT, type Prediction } from '@menagerie/contract/prediction'
import type { RequestOutput } from './schemas.ts'
import type { OutputTensor } from './tensors.ts'

type Answer = NonNullable<Prediction['output']>

interface Output {
  name: string
  datatype: OutputTensor['datatype']
  /** -1: as many classes as are asked for and known. */
  shape: number[]
  read(answer: Answer): OutputTensor['data']
}

const PROBABILITIES = 'probabilities'

/** What an answer is made of, each the most probable class first. */
export const OUTPUTS: Output[] = [
  {
    name: PROBABILITIES,
    datatype: 'FP32',
    shape: [-1],
    read: ({ top_k }) => top_k.map(({ probability }) => probability),
  },
  {
    name: 'class_index',
    datatype: 'INT32',
    shape: [-1],
    read: ({ top_k }) => top_k.map(({ index }) => index),
  },
  {
    name: 'class_id',
    datatype: 'BYTES',
    shape: [-1],
    read: ({ top_k }) => top_k.map(({ class_id }) => class_id),
  },
  {
    name: 'class_name',
    datatype: 'BYTES',
    shape: [-1],
    read: ({ top_k }) => top_k.map(({ class_name }) => class_name),
  },
  { name: 'confident', datatype: 'BOOL', shape: [1], read: ({ confident }) => [confident] },
]

/** What is given to who asks for nothing in particular. */
export const ALL_OUTPUTS: RequestOutput[] = OUTPUTS.map(({ name }) => ({ name }))

const countClasses = ({ parameters }: RequestOutput): number => parameters?.classification || TOP_K_DEFAULT

/** How many classes these outputs need. */
export const countTopK = (requested: RequestOutput[]): number => Math.max(...requested.map(countClasses))

/** @throws AppError `request_invalid` for an output that there is not */
export const checkOutputs = (requested: RequestOutput[]): void => {
  for (const { name, parameters } of requested) {
    if (!OUTPUTS.some((output) => output.name === name)) {
      throw new AppError('request_invalid', `there is no output '${name}'; GET /v2/models/{model} lists them`)
    }
    if (parameters?.classification && name !== PROBABILITIES) {
      throw new AppError('request_invalid', `classification is for the output '${PROBABILITIES}' only`)
    }
  }
}

/** As Triton writes them. */
const describeClass = ({ probability, index, class_name }: Answer['top_k'][number]): string =>
  `${probability.toFixed(6)}:${index}:${class_name}`

/** The tensor for an output that was asked for. */
export const buildOutput = (requested: RequestOutput, answer: Answer): OutputTensor => {
  const { name, parameters } = requested
  const top_k = answer.top_k.slice(0, countClasses(requested))
  if (parameters?.classification) return { name, datatype: 'BYTES', data: top_k.map(describeClass) }
  const output = OUTPUTS.find((one) => one.name === name)
  if (output === undefined) throw new Error(`no output ${name}`)
  return { name, datatype: output.datatype, data: output.read({ ...answer, top_k }) } as OutputTensor
}
