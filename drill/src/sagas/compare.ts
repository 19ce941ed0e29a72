import { calls } from './compare-calls.ts';
import { type Finding, found } from './finding.ts';
import type { AskedRun } from './runs.ts';
import type { JournalRow, Stores } from './stores.ts';
import type { TargetEntry } from './target.ts';

/**
 * Compares what different processes wrote down about the same runs: the target its log, the workflow service its journal,
 * every service its published events, the audit service what it took in, llm-agent its ledger, the provider its bill.
 * Pure; an empty answer means that they agree.
 */
export function compare(asked: readonly AskedRun[], stores: Stores): Finding[] {
  const journals = Map.groupBy(stores.journal, ({ instanceId }) => instanceId);
  return [
    ...runsThatWereAsked(asked, stores),
    ...effects(stores, journals),
    ...outcomes(journals),
    ...undoOrder(stores, journals),
    ...events(stores, journals),
    ...calls(stores),
    ...messages(stores),
  ];
}

function runsThatWereAsked(asked: readonly AskedRun[], { runs }: Stores): Finding[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  return asked.flatMap(({ id, shape, mayEnd, mayFailFor }) => {
    const run = byId.get(id);
    if (run === undefined) return [found('lost', `run ${id} (${shape}) was accepted and is not there`)];
    if (!run.settled) {
      const invariant = run.compensation === 'none' ? 'lost' : 'unfinishedUndos';
      return [found(invariant, `run ${id} (${shape}) is still ${run.status}, compensation ${run.compensation}`)];
    }
    const mayFail = run.status === 'failed' && mayFailFor !== undefined && run.errorReason === mayFailFor;
    if (!mayFail && !mayEnd.includes(run.status)) {
      const how = `${run.status} (${run.errorReason ?? ''})`;
      return [found('lost', `run ${id} (${shape}) ended ${how} instead of ${mayEnd.join(' or ')}`)];
    }
    return [];
  });
}

/** What stands at the target against what the runs say they did and took back. */
function effects({ runs, target, journal }: Stores, journals: ReadonlyMap<string, readonly JournalRow[]>): Finding[] {
  const findings: Finding[] = [];
  const undone = new Set<string>();
  const standing = new Map<string, Extract<TargetEntry, { kind: 'opened' }>>();
  const applied = new Set<string>();
  for (const entry of target) {
    if (entry.kind === 'undone') {
      undone.add(entry.key);
      const before = standing.get(entry.key);
      // What was taken back may be done again: by a run that was retried.
      if (before !== undefined) applied.delete(`${before.runId} ${before.title}`);
      standing.delete(entry.key);
    } else if (entry.kind === 'opened') {
      const change = `${entry.runId} ${entry.title}`;
      if (undone.has(entry.key)) findings.push(found('doubled', `${entry.key} was applied after its undo`));
      if (applied.has(change)) findings.push(found('doubled', `"${entry.title}" of run ${entry.runId} was done twice`));
      applied.add(change);
      standing.set(entry.key, entry);
    }
  }
  const http = journal.filter(({ kind, stepKind }) => kind === 'step_started' && stepKind === 'http');
  const keys = new Map(http.map((row) => [row.effectKey ?? '', row]));
  // A run inside of another has reached its goal, and is taken back when that one fails.
  const standsBy = runs.filter(({ status, compensation }) => status === 'completed' && compensation === 'none');
  const kept = new Set(standsBy.map(({ id }) => id));
  for (const { key, runId } of standing.values()) {
    const row = keys.get(key);
    if (row === undefined)
      findings.push(
        found('doubled', `${key || 'an effect without a key'} stands at the target, and no journal has it`),
      );
    else if (!kept.has(row.instanceId))
      findings.push(found('unfinishedUndos', `${key} of run ${runId} was not taken back`));
  }
  const done = new Set(
    [...journals].flatMap(([instanceId, rows]) =>
      rows.filter(({ kind }) => kind === 'step_completed').map(({ path, visit }) => `${instanceId} ${path} ${visit}`),
    ),
  );
  for (const row of http) {
    const isDone = done.has(`${row.instanceId} ${row.path} ${row.visit}`);
    if (isDone && kept.has(row.instanceId) && !standing.has(row.effectKey ?? ''))
      findings.push(found('lost', `${row.effectKey} is journaled as done and does not stand at the target`));
  }
  return findings;
}

/** A visit has one outcome, an undo one, a run one end. */
function outcomes(journals: ReadonlyMap<string, readonly JournalRow[]>): Finding[] {
  const ends = ['step_completed', 'step_failed'];
  const lastWords = ['instance_completed', 'instance_failed', 'instance_cancelled', 'instance_timed_out'];
  return [...journals].flatMap(([instanceId, rows]) => {
    const counts = new Map<string, number>();
    for (const { kind, path, visit } of rows) {
      const what = ends.includes(kind)
        ? `outcome of ${path}#${visit}`
        : kind === 'undo_completed'
          ? `undo of ${path}#${visit}`
          : lastWords.includes(kind)
            ? 'end'
            : undefined;
      if (what !== undefined) counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    return [...counts]
      .filter(([, times]) => times > 1)
      .map(([what, times]) => found('doubled', `run ${instanceId} has the ${what} ${times} times`));
  });
}

/** Effects are taken back in the reverse of the order in which they were registered; one that was stuck may come later. */
function undoOrder({ target }: Stores, journals: ReadonlyMap<string, readonly JournalRow[]>): Finding[] {
  const firstUndo = new Map<string, number>();
  target.forEach((entry, index) => {
    if (entry.kind === 'undone' && !firstUndo.has(entry.key)) firstUndo.set(entry.key, index);
  });
  return [...journals].flatMap(([instanceId, rows]) => {
    if (rows.some(({ kind }) => kind === 'undo_failed')) return [];
    const places = rows
      .filter(({ kind, stepKind, hasUndo }) => kind === 'step_started' && stepKind === 'http' && hasUndo)
      .map(({ effectKey }) => firstUndo.get(effectKey ?? ''))
      .filter((place) => place !== undefined);
    const isReversed = places.every((place, index) => index === 0 || place < (places[index - 1] ?? 0));
    return isReversed ? [] : [found('inversions', `run ${instanceId} was undone in another order`)];
  });
}

/** Entries of journals against published events, published against audited, each aggregate in its order. */
function events({ sent, waiting, audited }: Stores, journals: ReadonlyMap<string, readonly JournalRow[]>): Finding[] {
  const findings: Finding[] = [];
  if (waiting > 0) findings.push(found('lost', `${waiting} committed events were never published`));
  const told = Map.groupBy(sent, ({ resourceId }) => resourceId);
  for (const [instanceId, rows] of journals) {
    const steps = rows.filter(({ kind }) => kind === 'step_completed' || kind === 'step_failed').length;
    const stories = told.get(instanceId)?.filter(({ type }) => type.endsWith('.StepFinished')).length ?? 0;
    if (stories < steps)
      findings.push(found('lost', `${steps - stories} steps of run ${instanceId} ended and no event says so`));
    if (stories > steps) findings.push(found('doubled', `run ${instanceId} told of ${stories} steps and has ${steps}`));
  }
  const arrived = Map.groupBy(audited, ({ id }) => id);
  for (const { id, type } of sent)
    if (!arrived.has(id)) findings.push(found('lost', `event ${id} (${type}) is not in the audit log`));
  for (const [id, rows] of arrived)
    if (rows.length > 1) findings.push(found('doubled', `event ${id} is in the audit log ${rows.length} times`));
  for (const [resourceId, rows] of Map.groupBy(audited, ({ resourceId }) => resourceId)) {
    const seqs = rows.flatMap(({ seq }) => (seq === undefined || seq === null ? [] : [seq]));
    if (seqs.some((seq, index) => seq !== index + 1))
      findings.push(found('inversions', `events of ${resourceId} arrived as ${seqs.join(', ')}`));
  }
  return findings;
}

function messages({ notifications }: Stores): Finding[] {
  return notifications
    .filter(({ times }) => times > 1)
    .map(({ key, times }) => found('doubled', `message ${key} was accepted ${times} times`));
}
