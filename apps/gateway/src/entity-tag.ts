import type { PredictionStatus } from '@menagerie/contract/prediction'
import { createHash } from 'node:crypto'

/**
 * The entity tag of a prediction that is shown as this JSON (RFC 9110, 8.8.3): strong, so it changes with every byte. It
 * begins with the status, by which a client that waits says which one it knows.
 */
export const createEntityTag = (status: PredictionStatus, json: string): string =>
  `"${status}-${createHash('sha256').update(json).digest('base64url')}"`

/** A proxy that compresses makes a tag weak, and for If-None-Match that is no difference (RFC 9110, 13.1.2). */
const listTags = (ifNoneMatch: string): string[] => ifNoneMatch.match(/"[^"]*"/g) ?? []

/** Whether an `If-None-Match` says that the client has what this tag stands for. */
export const isKnownTag = (ifNoneMatch: string, tag: string): boolean =>
  ifNoneMatch.trim() === '*' || listTags(ifNoneMatch).includes(tag)

/** Whether an `If-None-Match` says that the client has seen the prediction in this status. */
export const isKnownStatus = (ifNoneMatch: string, status: PredictionStatus): boolean =>
  listTags(ifNoneMatch).some((tag) => tag.startsWith(`"${status}-`))
