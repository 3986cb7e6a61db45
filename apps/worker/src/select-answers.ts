import type { ClassRange, ConfidenceRule } from '@menagerie/contract/model-manifest'
import { DEFAULT_CONFIDENCE } from '@menagerie/inference/confidence'
import type { ResolvedModel } from '@menagerie/model-files/resolve-model'

/** Which classes a worker answers with (null: all), and when it is confident (null: never). */
export interface AnswerRules {
  classes: ClassRange | null
  confidence: ConfidenceRule | null
}

const findAnimals = ({ name, manifest, labels }: Pick<ResolvedModel, 'name' | 'manifest' | 'labels'>) => {
  const { animals } = manifest
  if (animals === undefined) {
    throw new Error(`ANIMALS_ONLY=1, but the manifest of ${name} does not say which classes are animals`)
  }
  if (animals.first > animals.last || animals.last >= labels.length) {
    throw new Error(
      `the manifest of ${name} says that classes ${animals.first} to ${animals.last} are animals; ` +
        `it has 0 to ${labels.length - 1}`,
    )
  }
  return animals
}

/**
 * How this worker chooses its answers, from its model and its settings.
 *
 * @throws Error when only animals are wanted and the manifest does not say which classes those are
 */
export const selectAnswers = (
  model: Pick<ResolvedModel, 'name' | 'manifest' | 'labels' | 'trained'>,
  isAnimalsOnly: boolean,
): AnswerRules => ({
  classes: isAnimalsOnly ? findAnimals(model) : null,
  confidence: model.trained ? (model.manifest.confidence ?? DEFAULT_CONFIDENCE) : null,
})
