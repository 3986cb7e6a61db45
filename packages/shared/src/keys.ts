/** Redis keys that are ours; all others are BullMQ's, whose prefix is the same. */
export const createKeys = (prefix: string) => ({
  upload: (id: string): string => `${prefix}:upload:${id}`,
  /** String with expiry: KnownAnswer */
  result: (tenant: string, fingerprint: string, sha256: string): string =>
    `${prefix}:result:${tenant}:${fingerprint}:${sha256}`,
  /** String with a short expiry: written by readiness probes */
  probe: `${prefix}:probe`,
  /** Channel: each prediction that has just ended, as `<id> <EndMessage>` */
  ended: `${prefix}:ended`,
  /** Channel: ids of predictions that were canceled, for the worker that may be running them */
  canceled: `${prefix}:canceled`,
  /** String: what ids are made from Idempotency-Keys with */
  idSecret: `${prefix}:id-secret`,
  /** String with expiry: of a prediction whose id was made from a key, the submission that its webhooks are named after */
  submission: (predictionId: string): string => `${prefix}:submission:${predictionId}`,
  /** Sorted set by time: predictions that were deleted while something still held them, `<model> <id> <webhook job> <sha256> <tenant> <webhook job of its start>` */
  forgets: `${prefix}:forgets`,
  /** Hash with expiry: a batch */
  batch: (id: string): string => `${prefix}:batch:${id}`,
  /** List with expiry: the items of a batch, in order */
  batchItems: (id: string): string => `${prefix}:batch:${id}:items`,
  /** List: what the jobs of a batch are to be, until all of them are in the queue */
  batchPlan: (id: string): string => `${prefix}:batch:${id}:plan`,
  /** Sorted set: ids of all batches, by the time they were made */
  batchIndex: `${prefix}:batch-index`,
  /** String with expiry: held by the gateway that sweeps */
  sweeping: `${prefix}:sweeping`,
  /** Hash with expiry: how far the order of what waits for a model has come, for all and for each tenant */
  fair: (model: string): string => `${prefix}:fair:${model}`,
  /** Hash with expiry: what a tenant has used of its rate, and how many bytes it holds */
  shares: (tenant: string): string => `${prefix}:shares:${tenant}`,
  /** Hash with expiry: predictions of a tenant that have not ended, `<bytes> <since> <deadline> <model>` by id */
  held: (tenant: string): string => `${prefix}:held:${tenant}`,
  /** Hash: model name → RegisteredModel */
  models: `${prefix}:models`,
  /** Set: ids of the workers that have served a model */
  workers: (model: string): string => `${prefix}:workers:${model}`,
  /** String with expiry: WorkerHeartbeat */
  worker: (id: string): string => `${prefix}:worker:${id}`,
})
export type Keys = ReturnType<typeof createKeys>

/** Key of a BullMQ job's hash. */
export const jobKey = (prefix: string, queueName: string, id: string): string =>
  `${prefix}:${queueName}:${id}`
