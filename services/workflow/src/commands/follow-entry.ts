import type { Tx } from '@flotilla/postgres';
import { insertCompensation, resolveCompensation, setCompensation } from '../db/compensation-repository.ts';
import type { Schema } from '../db/schema.ts';
import { stepOf } from '../domain/definition.ts';
import { outcomeEntry } from '../domain/enter.ts';
import type { JournalEntry, Recorded } from '../domain/journal.ts';
import type { JsonObject } from '../domain/json.ts';
import { visitKey } from '../domain/path.ts';
import type { Performers } from '../steps/performer.ts';
import type { Run } from './run.ts';

/**
 * What follows from an entry that is written: undos, and what kinds of steps do that wait. The run is as it is after the entry.
 * Answers what a step came to as soon as it waited.
 */
export async function followEntry(
  tx: Tx<Schema>,
  performers: Performers,
  run: Run,
  entry: Recorded,
): Promise<JournalEntry | undefined> {
  const instanceId = run.instance.id;
  switch (entry.kind) {
    case 'step_started': {
      if (entry.suspended === undefined) return undefined;
      const { path, stepId, visit, input, suspended } = entry;
      const wait = { instanceId, path, stepId, visit, request: input as JsonObject, wakeAt: suspended.wakeAt };
      const outcome = await performers.get(entry.stepKind)?.waits?.(tx, wait);
      return outcome && outcomeEntry({ path, stepId, visit }, outcome, 1);
    }
    case 'step_completed':
    case 'step_failed': {
      const { path, stepId, visit } = entry;
      const outcome = entry.kind === 'step_failed' ? { failed: entry } : { facts: entry.facts };
      const performer = performers.get(stepOf(run.definition, stepId).kind);
      await performer?.waited?.(tx, { instanceId, path, stepId, visit }, outcome);
      return undefined;
    }
    case 'rollback_started':
      for (const place of run.state.rollbacks.get(visitKey(entry)) ?? []) registerUndo(tx, run, place);
      return undefined;
    case 'undo_requested':
      registerFrom(tx, run, 0);
      return undefined;
    case 'instance_failing':
      registerFrom(tx, run, entry.keeps ?? 0);
      return undefined;
    case 'undo_started':
    case 'undo_retried':
      setCompensation(tx, { instanceId, ...entry }, { status: 'executing', at: entry.occurredAt });
      return undefined;
    case 'undo_skipped': {
      const { path, visit, reason, requestedBy: resolvedBy } = entry;
      await resolveCompensation(tx, { instanceId, path, visit }, { reason, resolvedBy, at: entry.occurredAt });
      return undefined;
    }
    case 'undo_completed':
    case 'undo_failed': {
      const failed = entry.kind === 'undo_failed';
      const { path, visit, occurredAt: at } = entry;
      setCompensation(
        tx,
        { instanceId, path, visit },
        {
          status: failed ? 'failed' : 'completed',
          at,
          ...(failed ? { error: entry, attention: 'stuck' } : {}),
          ...(!failed && entry.unresolved ? { attention: 'unresolved' } : {}),
        },
      );
      return undefined;
    }
    default:
      return undefined;
  }
}

function registerFrom(tx: Tx<Schema>, run: Run, first: number): void {
  for (let place = run.state.effects.size - 1; place >= first; place -= 1) registerUndo(tx, run, place);
}

/** Who is undone already, or is on the way, has been written down before. */
function registerUndo(tx: Tx<Schema>, { instance, state }: Run, place: number): void {
  const effect = state.effects.get(place);
  if (effect?.state !== 'registered') return;
  const { path, visit, undo } = effect;
  insertCompensation(tx, tx.scope.tenantId, { instanceId: instance.id, path, visit, ...undo });
}
