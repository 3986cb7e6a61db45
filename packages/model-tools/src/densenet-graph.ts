import { createGraphBuilder, type Feature, type GraphBuilder } from './graph-builder.ts'

// DenseNet-121 of Huang et al., 2017, with the sizes and names of torchvision's `densenet121`.
const BLOCK_LAYERS = [6, 12, 24, 16]
const STEM_CHANNELS = 64
const GROWTH = 32
const BOTTLENECK_CHANNELS = 4 * GROWTH
const CLASSES = 1000

/** The layers from `input` `[N,3,224,224]` to `output` `[N,1000]`, with weights that depend on the seed alone. */
export function buildDenseNetGraph(input: string, output: string, seed: number): GraphBuilder {
  const graph = createGraphBuilder(seed)
  let feature = addStem(graph, { name: input, channels: 3 })
  for (const [index, layers] of BLOCK_LAYERS.entries()) {
    const block = index + 1
    feature = addDenseBlock(graph, `features.denseblock${block}`, feature, layers)
    if (block < BLOCK_LAYERS.length) feature = addTransition(graph, `features.transition${block}`, feature)
  }
  graph.classify('classifier', graph.normRelu('features.norm5', feature), CLASSES, output)
  return graph
}

function addStem(graph: GraphBuilder, input: Feature): Feature {
  const shape = { channels: STEM_CHANNELS, kernel: 7, stride: 2, padding: 3 }
  const feature = graph.normRelu('features.norm0', graph.conv('features.conv0', input, shape))
  return graph.pool('features.pool0', 'MaxPool', feature, { kernel: 3, stride: 2, padding: 1 })
}

/** Each layer sees the maps of all layers before it and adds GROWTH of its own. */
function addDenseBlock(graph: GraphBuilder, name: string, input: Feature, layers: number): Feature {
  const features = [input]
  for (let layer = 1; layer <= layers; layer++) {
    const prefix = `${name}.denselayer${layer}`
    const seen = graph.normRelu(`${prefix}.norm1`, graph.concat(`${prefix}.concat`, features))
    const narrow = graph.conv(`${prefix}.conv1`, seen, { channels: BOTTLENECK_CHANNELS, kernel: 1 })
    const normed = graph.normRelu(`${prefix}.norm2`, narrow)
    features.push(graph.conv(`${prefix}.conv2`, normed, { channels: GROWTH, kernel: 3, padding: 1 }))
  }
  return graph.concat(`${name}.concat`, features)
}

/** Halves the channels and both sides of the maps. */
function addTransition(graph: GraphBuilder, name: string, input: Feature): Feature {
  const normed = graph.normRelu(`${name}.norm`, input)
  const halved = graph.conv(`${name}.conv`, normed, { channels: input.channels / 2, kernel: 1 })
  return graph.pool(`${name}.pool`, 'AveragePool', halved, { kernel: 2, stride: 2 })
}
