/** How far the clocks of services may be apart; and whoever begins to wait may have set the event off a moment before. */
const TOLERANCE_MS = 60_000;

/**
 * Whether an event may still be meant for what has waited, or listened, since then. An event that concerned nobody is not
 * remembered: when it is told again, by a process that died before it said how far it was or by a topic that is filled again, it
 * must not be news for whoever came later.
 */
export function isRecent(occurredAt: Date, since: Date): boolean {
  return occurredAt.getTime() >= since.getTime() - TOLERANCE_MS;
}
