import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { checkHashes } from './audit.ts';
import { type ReleaseNote, readReleaseNotes } from './changelogs.ts';
import { readDemoConfig } from './config.ts';
import { printRun } from './print.ts';
import { createRestClient } from './rest-client.ts';
import { performRun } from './run.ts';
import { setUp } from './set-up.ts';
import { createTrackerClient } from './tracker-client.ts';
import { type DemoOutcome, findFaults } from './verdict.ts';

interface Options {
  readonly input?: string;
  readonly kill?: string;
  readonly provider?: string;
  readonly model: string;
  readonly json: boolean;
}

const options = new Command('flotilla demo')
  .description(
    'Watches releases: opens a change record, summarises, validates, publishes and notifies; or undoes it all.',
  )
  .option('--input <file>', 'a text of your own instead of the changelogs')
  .addOption(
    new Option('--kill <process>', 'SIGKILL between an effect and its journal entry, in every run').choices([
      'workflow',
      'llm-agent',
      'validation',
      'notification',
      'identity',
      'gateway',
      'audit',
      'kafka',
      'temporal',
      'postgres',
      'valkey',
    ]),
  )
  .option('--provider <url>', 'an OpenAI-compatible address instead of the local model')
  .option('--model <name>', 'the model', 'smollm2-135m-instruct')
  .option('--json', 'one JSON document at the end instead of text', false)
  .parse()
  .opts<Options>();

const began = Date.now();
const config = readDemoConfig();
const say = (line: string) => {
  if (!options.json) process.stdout.write(`${line}\n`);
};
const client = createRestClient(config.gatewayUrl, config.apiKey);
const tracker = createTrackerClient(config.trackerUrl);
const demoId = randomUUID();
await tracker.calm();
const prepared = await setUp(
  client,
  { provider: options.provider === undefined ? 'local' : 'openai-compatible', model: options.model },
  demoId,
);
const around = { config, client, tracker, setUp: prepared, kill: options.kill, say };

const notes: ReleaseNote[] =
  options.input === undefined
    ? readReleaseNotes(config.changelogs, 450)
    : [{ package: basename(options.input), version: 'your text', text: readFileSync(options.input, 'utf8') }];
const runs: { -readonly [Key in keyof DemoOutcome['runs'][number]]: DemoOutcome['runs'][number][Key] }[] = [];
const perform = async (note: ReleaseNote, { locked = false, broke = false } = {}) => {
  const report = await performRun(around, { note, locked, broke, idempotencyKey: `${demoId}:${runs.length}` });
  runs.push({ report, record: await tracker.recordOf(report.id), locked, broke });
  return report;
};

let published: ReleaseNote | undefined;
for (const note of notes) {
  const report = await perform(note);
  if (report.status === 'completed') published ??= note;
}
// The last two repeat what was published, if anything was: one whose agent may not spend any more, and is retried when it may
// again; and one whose record is locked by somebody while the agent works.
const again = published ?? notes[0];
if (again !== undefined) {
  await perform(again, { broke: true });
  await perform(again, { locked: true });
}

const events = runs.flatMap(({ report }) => report.auditEvents);
const outcome: DemoOutcome = {
  runs,
  tracker: await tracker.countsOf(new Set(runs.map(({ report }) => report.id))),
  audit: { events: events.length, hashMismatches: await checkHashes(client, events) },
};
const faults = findFaults(outcome);
process.exitCode = faults.length === 0 ? 0 : 1;

if (options.json) {
  const document = {
    runs: runs.map(({ report }) => ({
      id: report.id,
      input: report.input,
      status: report.status,
      compensation: report.compensation,
      steps: report.steps.map(({ id, kind, status, attempts, durationMs }) => ({
        id,
        kind,
        status,
        attempts,
        durationMs,
      })),
      compensations: report.compensations.map(({ stepId, status }) => ({ stepId, status })),
      verdict: report.verdict ?? null,
      notifications: report.notifications.length,
      auditEvents: report.auditEvents.length,
    })),
    tracker: outcome.tracker,
    audit: outcome.audit,
    startMs: config.startMs,
    durationMs: Date.now() - began,
    faults,
  };
  process.stdout.write(`${JSON.stringify(document)}\n`);
} else {
  say('\n== The runs\n');
  for (const { report } of runs) say(printRun(report));
  const { opened, published: out, withdrawn, duplicates, orphans } = outcome.tracker;
  say(
    `== The tracker: ${opened} opened, ${out} published, ${withdrawn} withdrawn, ${duplicates} duplicates, ${orphans} orphans`,
  );
  say(
    `== The audit log: ${outcome.audit.events} events of these runs, ${outcome.audit.hashMismatches} with a wrong hash`,
  );
  say(
    `== The fleet was up in ${(config.startMs / 1000).toFixed(1)} s, the demo took ${((Date.now() - began) / 1000).toFixed(1)} s`,
  );
  say(faults.length === 0 ? '\nAll is as it should be.' : `\nNot as it should be:\n  ${faults.join('\n  ')}`);
  say(`
Look   REST ${config.gatewayUrl}/docs   mail ${config.mailUrl}   Temporal ${config.temporalAddress}   ./flotilla logs workflow
Try    ./flotilla demo --kill workflow      the same, with a process killed in every run
       ./flotilla demo --input <file>       a text of your own
       ./flotilla psql audit_db             what the audit log holds`);
}
