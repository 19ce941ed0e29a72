import type { Environment } from '@flotilla/config';
import { AppError, toAppError } from '@flotilla/errors';
import { createLogger } from '@flotilla/observability';
import { ownProcess } from './config.ts';
import { isMigrationCommand, runMigrationCommand } from './migration-commands.ts';

/** A service as tests and `main.ts` know it. */
export interface Service {
  start(): Promise<{ readonly grpcPort: number; readonly adminPort: number }>;
  stop(): Promise<void>;
}

/** What `main.ts` is made of. */
export interface Program<Config> {
  /** `llm-agent` */
  readonly name: string;
  /** `agent`: the part of the contract whose tables are captured. */
  readonly domain?: string;
  readonly migrationsFolder?: string;
  readonly parseConfig: (env: Environment) => Config;
  readonly createService: (config: Config) => { start(): Promise<unknown>; stop(): Promise<void> };
  /** This process's own unless said. */
  readonly argv?: readonly string[];
  readonly env?: Environment;
}

/**
 * Runs a service's program: `serve` (also without a word), or `migrate`, `status`, `rollback`, `validate`, and
 * `republish`. Serving ends
 * on SIGTERM or SIGINT, in phases; a failure at start stops what was started and ends with exit code 1.
 *
 * @example
 * await runService({ name: 'llm-agent', domain: 'agent', migrationsFolder: migrationsFolder(import.meta.url), parseConfig, createService });
 */
export async function runService<Config>(program: Program<Config>): Promise<void> {
  const { name, env = ownProcess.env, argv = ownProcess.argv } = program;
  const [command = 'serve', ...rest] = argv;
  const log = createLogger({ service: name, level: 'info' });
  try {
    if (isMigrationCommand(command)) await runMigrationCommand(command, rest, { ...program, env }, log);
    else if (command === 'serve') await serve(program, env, log);
    else
      throw new AppError(
        'invalid_argument',
        'UNKNOWN_COMMAND',
        `${name} knows serve, migrate, status, rollback, validate, republish.`,
      );
  } catch (failure) {
    const error = toAppError(failure);
    log.fatal({ err: error }, error.code === 'internal' ? `${name} failed` : error.message);
    process.exitCode = 1;
  }
}

async function serve<Config>(
  { name, parseConfig, createService }: Program<Config>,
  env: Environment,
  log: ReturnType<typeof createLogger>,
): Promise<void> {
  const service = createService(parseConfig(env));
  let leaving = false;

  async function leave(exitCode: number): Promise<void> {
    if (leaving) return;
    leaving = true;
    await service.stop();
    process.exit(exitCode); // a driver that keeps a handle open must not keep the process
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      log.info({ signal }, `${name} is asked to stop`);
      leave(0).catch(() => process.exit(1));
    });
  }
  for (const trouble of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(trouble, (error: unknown) => {
      log.fatal({ err: error }, `${name} met an ${trouble} and stops`);
      leave(1).catch(() => process.exit(1));
    });
  }
  try {
    await service.start();
  } catch (error) {
    if (!leaving) throw error;
  }
}
