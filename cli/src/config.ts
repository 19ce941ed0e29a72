import { join, resolve } from 'node:path';

/** What the command line works with. */
export interface CliConfig {
  readonly workspace: string;
  /** Everything that one fleet keeps: data, logs, secrets. */
  readonly stateDir: string;
  readonly portBase: number;
  /** Variables that every process of the fleet is started with. */
  readonly inherited: Readonly<Record<string, string>>;
  /** Variables that win over those of the fleet's description: `FLOTILLA_LOG_LEVEL`, `OTEL_EXPORTER_OTLP_ENDPOINT`, `LLM_AGENT_…` and so on. */
  readonly overrides: Readonly<Record<string, string>>;
  readonly env: NodeJS.ProcessEnv;
}

const inheritedNames =
  /^(PATH|HOME|LANG|LC_ALL|TZ|XDG_CACHE_HOME|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)$/;
const overrideNames =
  /^(FLOTILLA_LOG_LEVEL|OTEL_EXPORTER_OTLP_ENDPOINT|(GATEWAY|IDENTITY|LLM_AGENT|WORKFLOW|VALIDATION|NOTIFICATION|AUDIT|LOCAL_MODEL|TRACKER)_[A-Z_]+)$/;

/** @throws Error when a variable has no sense */
export function readConfig(env: NodeJS.ProcessEnv): CliConfig {
  const workspace = resolve(import.meta.dirname, '../..');
  const portBase = Number(env['FLOTILLA_PORT_BASE'] ?? 7400);
  if (!Number.isInteger(portBase) || portBase < 1024 || portBase > 65_000) {
    throw new Error('FLOTILLA_PORT_BASE must be a whole number from 1024 to 65000.');
  }
  const chosen = (names: RegExp) =>
    Object.fromEntries(
      Object.entries(env).filter((entry): entry is [string, string] => names.test(entry[0]) && entry[1] !== undefined),
    );
  return {
    workspace,
    stateDir: resolve(env['FLOTILLA_STATE_DIR'] ?? join(workspace, '.flotilla')),
    portBase,
    inherited: { ...chosen(inheritedNames), KAFKAJS_NO_PARTITIONER_WARNING: '1', NODE_ENV: 'production' },
    overrides: chosen(overrideNames),
    env,
  };
}

/** The configuration of this command. */
export function loadConfig(): CliConfig {
  return readConfig(process.env);
}
