import type { AddressInfo } from 'node:net';
import { createLogger, createMetrics } from '@flotilla/observability';
import { createRuntime } from '@flotilla/service';
import type { FastifyInstance } from 'fastify';
import type { Config } from './config.ts';
import { createEngine, type Engine } from './engine.ts';
import { createMeters } from './metrics.ts';
import { createQueue } from './queue.ts';
import { createHttpServer } from './server.ts';

/** The model and its server. Nothing is loaded and nothing listens before `start`. */
export interface LocalModel {
  start(): Promise<{ readonly httpPort: number; readonly adminPort: number }>;
  stop(): Promise<void>;
}

export function createService(config: Config): LocalModel {
  const log = createLogger({ service: 'local-model', level: config.logLevel });
  const metrics = createMetrics('local-model');
  const queue = createQueue(config.queueLength);
  const meters = createMeters(metrics, queue);
  const stopping = new AbortController();
  let engine: Engine | undefined;
  let app: FastifyInstance | undefined;
  let httpPort = config.httpPort;
  const runtime = createRuntime({
    name: 'local-model',
    log,
    metrics,
    adminHost: config.host,
    adminPort: config.adminPort,
    graceMs: config.shutdownGraceMs,
    components: [
      {
        name: 'engine',
        phase: 'storage',
        start: async () => {
          engine = await createEngine(config.model, (message) => log.debug({ llama: message }));
          log.info({ model: config.model.name, threads: config.model.threads }, 'the model is loaded');
        },
        stop: async () => engine?.close(),
      },
      {
        name: 'http',
        phase: 'edge',
        start: async () => {
          if (engine === undefined) throw new Error('The engine starts first.');
          app = createHttpServer({ engine, queue, meters, stopping: stopping.signal, log });
          await app.listen({ host: config.host, port: config.httpPort });
          httpPort = (app.server.address() as AddressInfo).port;
        },
        stop: async (graceMs) => {
          const grace = setTimeout(() => stopping.abort(), Math.max(0, graceMs - 500));
          await app?.close();
          await queue.idle();
          clearTimeout(grace);
        },
      },
    ],
  });
  return {
    start: async () => ({ ...(await runtime.start()), httpPort }),
    stop: () => runtime.stop(),
  };
}
