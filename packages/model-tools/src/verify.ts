import { stat } from 'node:fs/promises'
import type { ClassRange } from '@menagerie/contract/model-manifest'
import { disableTelemetry } from '@menagerie/inference/disable-telemetry'
import { createModelSession, describeShape, type ModelSession } from '@menagerie/inference/session'
import type { ResolvedModel } from '@menagerie/model-files/resolve-model'
import { findPicture } from './reference-picture.ts'
import { createReport, type Report } from './report.ts'
import { resolveWithProgress } from './resolve-with-progress.ts'
import type { Settings } from './settings.ts'
import { verifyPicture } from './verify-picture.ts'

export interface VerifyOptions {
  readonly picture?: string | undefined
  readonly logits?: string | undefined
  readonly expect?: ClassRange | undefined
  readonly download: boolean
}

/**
 * Finds the weights as a worker would, checks them against the manifest, and runs a picture. Prints each check; throws
 * when there are no weights, and an Error with their number when checks failed.
 */
export async function verify(
  name: string,
  options: VerifyOptions,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  const model = await resolveWithProgress(name, settings, {
    signal,
    download: options.download,
    allowStandIn: settings.isStandInAllowed,
  })
  const report = createReport((line) => console.log(line))
  await verifyFile(report, model)
  const session = await openSession(report, model)
  if (session !== null) {
    verifyLabels(report, session, model)
    const { manifest, labels } = model
    const check = findPicture(name, options, settings)
    await verifyPicture(report, { session, input: manifest.input, labels }, check).catch((error: unknown) =>
      report.add('FAILED', 'picture', messageOf(error)),
    )
    await session.release()
  }
  if (report.failed > 0) throw new Error(`${name}: ${report.failed} of these checks failed`)
}

async function verifyFile(report: Report, model: ResolvedModel): Promise<void> {
  const { path, source, digest, trained, manifest } = model
  const { size } = await stat(path)
  const expected = `sha256:${manifest.file.sha256}`
  report.add('ok', 'file', `${path} (${source})`)
  report.add(
    size === manifest.file.bytes ? 'ok' : 'FAILED',
    'size',
    `${size} bytes; the manifest says ${manifest.file.bytes}`,
  )
  if (digest === expected) report.add('ok', 'digest', digest)
  else report.add('FAILED', 'digest', `${digest}; the manifest says ${expected}`)
  if (!trained) report.note('this is the untrained stand-in: its answers mean nothing')
}

async function openSession(report: Report, { path, manifest }: ResolvedModel): Promise<ModelSession | null> {
  disableTelemetry()
  try {
    const session = await createModelSession(path, manifest.input.crop)
    const [input, output] = [session.input, session.output].map(
      ({ name, shape, type }) => `${name} ${describeShape(shape)} ${type}`,
    )
    report.add('ok', 'tensors', `${input} → ${output}`)
    return session
  } catch (error) {
    report.add('FAILED', 'tensors', messageOf(error))
    return null
  }
}

function verifyLabels(report: Report, { classCount }: ModelSession, { labels }: ResolvedModel): void {
  const isOk = classCount === labels.length
  report.add(isOk ? 'ok' : 'FAILED', 'labels', `${labels.length} labels for ${classCount} classes`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
