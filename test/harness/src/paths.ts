import { existsSync } from 'node:fs'
import { join } from 'node:path'

export const REPO_ROOT = join(import.meta.dirname, '..', '..', '..')

/**
 * A folder of trained weights, labelled photos and reference crops, whose licences keep them out of this
 * repository: FIXTURES_DIR, or `shared` beside the checkout. Null where there is none; tests that need it skip.
 */
export const FIXTURES_DIR: string | null =
  [process.env['FIXTURES_DIR'], join(REPO_ROOT, '..', 'shared')].find(
    (dir) => dir !== undefined && existsSync(join(dir, 'models', 'mobilenet-v2', 'model.onnx')),
  ) ?? null

export const photoPath = (name: string): string => join(FIXTURES_DIR ?? '', 'photos', name)
