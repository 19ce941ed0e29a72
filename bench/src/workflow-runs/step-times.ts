import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { Benchmark } from '../benchmark.ts';
import { openCallers } from '../fleet/rest.ts';
import { percentile } from '../measure/statistics.ts';
import { shown } from '../report.ts';
import { haveWorkflow } from './definition.ts';

const runs = 200;
const warmUpRuns = 30;
const shares = [0.5, 0.9, 0.99] as const;

interface Update {
  readonly kind: string;
  readonly occurTime: string;
}

export const stepTimes: Benchmark = {
  name: 'step-times',
  about:
    'from the start call to the first step, and from the end of a step to its event at the client; one run at a time',
  async run({ scale, fleet, say }) {
    const running = await fleet();
    const rows: string[][] = [];
    for (const [side, driver] of [
      ['lane', undefined],
      ['at Temporal', 'temporal'],
    ] as const) {
      say(`step-times: ${side}`);
      const workflowId = await haveWorkflow(running, driver);
      const callers = openCallers(running.url, 1, { authorization: `Bearer ${running.apiKey}` });
      const body = JSON.stringify({ input: { url: running.farSide.targetUrl } });
      const times = { first: [] as number[], event: [] as number[] };
      try {
        for (let at = -warmUpRuns; at < Math.max(10, Math.round(runs * scale)); at += 1) {
          const calledAt = performance.timeOrigin + performance.now();
          const { id } = JSON.parse(await callers.post(0, `/v1/workflows/${workflowId}:start`, body)) as { id: string };
          const found = await follow(running, id);
          if (at < 0) continue;
          times.first.push(found.firstStepAt - calledAt);
          times.event.push(...found.eventMs);
        }
      } finally {
        await callers.close();
      }
      const row = (name: string, figures: readonly number[]) =>
        rows.push([`${name}, ${side}`, ...shares.map((share) => shown(percentile(figures, share)))]);
      row('start call → first step', times.first);
      row('end of a step → event at the client', times.event);
    }
    return {
      tables: [{ title: 'ms', columns: ['', 'p50', 'p90', 'p99'], rows }],
      notes: ['Through the gateway, on a fleet that does nothing else. Times of the journal are whole milliseconds.'],
    };
  },
};

/** Reads the events of a run as they come. */
async function follow({ url, apiKey }: { readonly url: string; readonly apiKey: string }, id: string) {
  const response = await fetch(new URL(`/v1/instances/${id}:watch`, url), {
    headers: { authorization: `Bearer ${apiKey}`, accept: 'text/event-stream' },
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok || response.body === null) throw new Error(`the run cannot be followed: ${response.status}`);
  const followedFrom = performance.timeOrigin + performance.now();
  const eventMs: number[] = [];
  let firstStepAt = 0;
  const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { event, data } of events) {
    if (event !== undefined && event !== 'message') continue;
    const now = performance.timeOrigin + performance.now();
    const { kind, occurTime } = JSON.parse(data) as Update;
    const at = Date.parse(occurTime);
    if (kind === 'step_started' && firstStepAt === 0) firstStepAt = at;
    // What was over before anybody followed tells nothing about the way.
    if (kind === 'step_completed' && at >= followedFrom) eventMs.push(Math.max(0, now - at));
  }
  return { firstStepAt, eventMs };
}
