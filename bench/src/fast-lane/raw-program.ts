import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { Pool } from 'undici';
import { answerCalls } from '../child.ts';

/** Runs of the same three steps, written by hand: the same journal, in as many transactions, and nothing else. */
export interface RawCalls {
  start(at: { readonly databaseUrl: string; readonly targetUrl: string }): Promise<void>;
  run(load: { readonly count: number; readonly concurrency: number }): Promise<{ readonly seconds: number }>;
}

const tables = `
  create table raw_runs (id uuid primary key, status text not null, journal_length integer not null, input jsonb not null, output jsonb,
    created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  create table raw_journal (run_id uuid not null references raw_runs, seq integer not null, kind text not null, step_id text,
    entry jsonb not null, occurred_at timestamptz not null default now(), primary key (run_id, seq))`;

const begin = {
  name: 'begin',
  text: `with r as (insert into raw_runs (id, status, journal_length, input) values ($1, 'running', $2, $3) returning id)
    insert into raw_journal (run_id, seq, kind, step_id, entry)
    select r.id, e.seq, e.kind, e.step_id, e.entry
    from r, jsonb_to_recordset($4) as e (seq integer, kind text, step_id text, entry jsonb)`,
};
const move = {
  name: 'move',
  text: `with r as (
      update raw_runs set status = $2, output = $3, journal_length = $5, updated_at = now() where id = $1 and journal_length = $4 returning id
    )
    insert into raw_journal (run_id, seq, kind, step_id, entry)
    select r.id, e.seq, e.kind, e.step_id, e.entry
    from r, jsonb_to_recordset($6) as e (seq integer, kind text, step_id text, entry jsonb)`,
};

let database: pg.Pool;
let target: Pool;

async function start({ databaseUrl, targetUrl }: Parameters<RawCalls['start']>[0]): Promise<void> {
  database = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  // The server ends before this program.
  database.on('error', () => {});
  await database.query(tables);
  target = new Pool(targetUrl, { connections: 32 });
}

async function request(path: string, key: string, body: object): Promise<{ id: string }> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const answer = await target.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
  return (await answer.body.json()) as { id: string };
}

/** Numbers the entries behind `length`. */
const entries = (
  length: number,
  ...kinds: readonly (readonly [kind: string, stepId: string | null, entry: object])[]
) => JSON.stringify(kinds.map(([kind, step_id, entry], index) => ({ seq: length + index + 1, kind, step_id, entry })));

async function one(): Promise<void> {
  const id = randomUUID();
  const body = { run: id };
  const undo = (step: string) => ({ key: `${id}/${step}#1/undo`, url: '/undo', body });
  const started = (step: string) =>
    ['step_started', step, { input: body, effectKey: `${id}/${step}#1/do`, undo: undo(step) }] as const;
  await database.query(begin, [id, 2, '{}', entries(0, ['instance_started', null, { input: {} }], started('open'))]);
  const opened = await request('/open', `${id}/open#1/do`, body);
  const next = opened.id === '1' ? 'publish' : 'end';
  await database.query(move, [
    ...[id, 'running', null, 2, 6],
    entries(
      2,
      ['step_completed', 'open', { facts: { output: { status: 200, body: opened } } }],
      ['step_started', 'route', {}],
      ['step_completed', 'route', { facts: { output: { next } } }],
      started('publish'),
    ),
  ]);
  const published = await request('/publish', `${id}/publish#1/do`, body);
  const output = { id: opened.id };
  await database.query(move, [
    ...[id, 'completed', JSON.stringify(output), 6, 8],
    entries(
      6,
      ['step_completed', 'publish', { facts: { output: { status: 200, body: published } } }],
      ['instance_completed', null, { output }],
    ),
  ]);
}

async function run({ count, concurrency }: Parameters<RawCalls['run']>[0]): Promise<{ seconds: number }> {
  const began = performance.now();
  let left = count;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return { seconds: (performance.now() - began) / 1000 };
}

answerCalls({ start, run } satisfies RawCalls);
