import Type, { type Static } from 'typebox'

/** What a client may ask to be told of, in the order in which it happens. */
export const WEBHOOK_EVENTS = ['start', 'completed'] as const
export type WebhookEventName = (typeof WEBHOOK_EVENTS)[number]

const NAMES = WEBHOOK_EVENTS.join('|')

/** The events of a webhook: a list with commas in forms and queries, an array in JSON. */
export const WebhookEventsFilter = Type.Union(
  [
    Type.String({
      pattern: `^(?:${NAMES})(?:,(?:${NAMES}))*$`,
      maxLength: 64,
    }),
    Type.Array(Type.Enum([...WEBHOOK_EVENTS]), { minItems: 1, maxItems: 8 }),
  ],
  {
    description:
      '`start`: when a worker begins with it; `completed`: when it has ended, however. Only together with `webhook`. ' +
      'Default: `completed`',
    examples: ['start,completed'],
  },
)
export type WebhookEventsFilter = Static<typeof WebhookEventsFilter>

/** Which events are asked for, each once. */
export const listWebhookEvents = (filter: WebhookEventsFilter | undefined): readonly WebhookEventName[] => {
  if (filter === undefined) return ['completed']
  const named: readonly string[] = typeof filter === 'string' ? filter.split(',') : filter
  return WEBHOOK_EVENTS.filter((event) => named.includes(event))
}
