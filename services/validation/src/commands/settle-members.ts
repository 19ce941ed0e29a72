import type { Tx } from '@flotilla/postgres';
import { holdRules, lockComposites } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { checkMembers, membersOf } from '../domain/composite-members.ts';
import type { NewRule } from '../domain/rule.ts';
import { loadReach } from '../queries/load-reach.ts';

/** Makes sure that a composite's members exist, stay, and form no circle; nothing to do for other rules. */
export async function settleMembers(tx: Tx<Schema>, rule: NewRule): Promise<void> {
  const members = membersOf(rule);
  if (members.length === 0) return;
  await lockComposites(tx);
  await holdRules(tx, members);
  checkMembers(rule, await loadReach(tx, members));
}
