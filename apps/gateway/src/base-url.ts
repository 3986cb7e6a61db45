import type { FastifyRequest } from 'fastify'

/** Where this client reaches the gateway: PUBLIC_URL, else what the request itself says. */
export const createBaseUrl =
  (publicUrl: string | null) =>
  (request: FastifyRequest): string =>
    publicUrl ?? `${request.protocol}://${request.host}`
export type BaseUrl = ReturnType<typeof createBaseUrl>
