import { AppError, toAppError } from '@flotilla/errors';
import { type Logger, type Metrics, startTracing, type Tracing } from '@flotilla/observability';
import { type CheckResult, createAdminServer, type Readiness } from './admin-server.ts';
import { type Component, phases } from './component.ts';

/** What a runtime is made with. Times in milliseconds. */
export interface RuntimeOptions {
  readonly name: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly adminHost: string;
  /** 0 takes a free one. */
  readonly adminPort: number;
  readonly components: readonly Component[];
  /** Where spans go; nowhere unless said. */
  readonly otlpEndpoint?: string | undefined;
  /** For the whole shutdown; 20 s unless said. */
  readonly graceMs?: number;
}

/** Starts and stops the parts of a service in order. */
export interface Runtime {
  /** Starts phase by phase. When a part fails, what was started is stopped again, and the failure is thrown. */
  start(): Promise<{ readonly adminPort: number }>;
  /** Unready, then phase by phase in reverse order. Never rejects; a part that hangs is left behind when its time is up. */
  stop(): Promise<void>;
  readiness(): Promise<Readiness>;
}

const checkMs = 2_000;
const readinessAgeMs = 500;
const farewellMs = 2_000;

/** Creates the runtime of a service; nothing runs and nothing listens before `start`. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { name, log, metrics, adminHost, adminPort, graceMs = 20_000 } = options;
  const components = [...options.components].sort((a, b) => phases.indexOf(a.phase) - phases.indexOf(b.phase));
  const admin = createAdminServer(adminHost, adminPort, metrics, readiness);
  const started: Component[] = [];
  let state: 'created' | 'starting' | 'running' | 'stopping' | 'stopped' = 'created';
  let stopping: Promise<void> | undefined;
  let tracing: Tracing | undefined;
  let latest: { at: number; answer: Promise<Readiness> } | undefined;
  metrics.gauge('service_running', '1 between start and shutdown.', [], (gauge) =>
    gauge.set(state === 'running' ? 1 : 0),
  );

  function readiness(): Promise<Readiness> {
    if (state !== 'running') return Promise.resolve({ ready: false, state, checks: {} });
    if (latest === undefined || Date.now() - latest.at > readinessAgeMs)
      latest = { at: Date.now(), answer: checkAll() };
    return latest.answer;
  }

  async function checkAll(): Promise<Readiness> {
    const watched = components.filter((component) => component.check !== undefined);
    const checks = await Promise.all(
      watched.map(async (component) => [component.name, await checkOne(component)] as const),
    );
    const ready = state === 'running' && checks.every(([, { ok, optional }]) => ok || optional === true);
    return { ready, state, checks: Object.fromEntries(checks) };
  }

  async function start(): Promise<{ adminPort: number }> {
    if (state !== 'created') throw new Error(`${name} was started before.`);
    state = 'starting';
    try {
      tracing = startTracing({ service: name, otlpEndpoint: options.otlpEndpoint });
      const { port } = await admin.listen();
      for (const component of components) {
        started.push(component); // before it starts: half a start needs a stop too
        await component.start?.();
      }
      state = 'running';
      log.info({ adminPort: port }, `${name} is running`);
      return { adminPort: port };
    } catch (error) {
      await stop();
      throw error;
    }
  }

  function stop(): Promise<void> {
    stopping ??= stopAll();
    return stopping;
  }

  async function stopAll(): Promise<void> {
    state = 'stopping';
    const deadline = Date.now() + graceMs;
    for (const phase of phases.toReversed()) {
      const parts = started.filter((component) => component.phase === phase);
      await Promise.all(parts.map((component) => stopOne(component, Math.max(deadline - Date.now(), 100))));
    }
    await within(farewellMs, async () => tracing?.stop()).catch(() => {});
    await admin.close();
    state = 'stopped';
    log.info(`${name} has stopped`);
  }

  async function stopOne(component: Component, leftMs: number): Promise<void> {
    try {
      await within(leftMs + 1_000, async () => component.stop?.(leftMs));
    } catch (error) {
      log.error({ err: error, component: component.name }, 'a part did not stop as it should');
    }
  }

  return { start, stop, readiness };
}

async function checkOne(component: Component): Promise<CheckResult> {
  const optional = component.optional === true ? { optional: true } : {};
  try {
    await within(checkMs, async () => component.check?.());
    return { ok: true, ...optional };
  } catch (error) {
    return { ok: false, reason: toAppError(error).reason, ...optional };
  }
}

async function within<T>(ms: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('deadline_exceeded', 'TIMED_OUT', `No answer within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
