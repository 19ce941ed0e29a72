import type { ReadTx } from '@flotilla/postgres';
import { findRules } from '../db/rule-repository.ts';
import type { Schema } from '../db/schema.ts';
import { membersOf } from '../domain/composite-members.ts';
import type { Rule } from '../domain/rule.ts';

/** The named rules and all that they stand on, level by level. Ends also where they form a circle. */
export async function loadReach(tx: ReadTx<Schema>, ids: readonly string[]): Promise<ReadonlyMap<string, Rule>> {
  const reach = new Map<string, Rule>();
  let wanted = [...new Set(ids)];
  while (wanted.length > 0) {
    const found = await findRules(tx, wanted);
    for (const rule of found) reach.set(rule.id, rule);
    wanted = [...new Set(found.flatMap(membersOf))].filter((id) => !reach.has(id));
  }
  return reach;
}
