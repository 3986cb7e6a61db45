/** With what to sign for a tenant, the current secret first; none: nothing can be signed for it. */
export type SecretsOf = (tenant: string | undefined) => readonly string[]
