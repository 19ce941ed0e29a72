import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { loadConfig } from './config.ts';

/** Where a fleet is. */
export interface FleetSite {
  readonly stateDir: string;
  readonly portBase: number;
  readonly replicas: number;
}

/** Where the tests play a model provider: the fleet expects it there, each test file starts it itself. */
export const modelPortOffset = 30;

/** The provider key that the fleet is given; it must never be seen anywhere but at the provider. */
export const providerKey = 'canary-provider-key-0123456789abcdef';

/** Runs the fleet's own command, as a person would. Resolves to what it printed. */
export async function flotilla(site: FleetSite, ...argv: readonly string[]): Promise<string> {
  const { workspace, env } = loadConfig();
  const child = spawn(process.execPath, ['cli/src/main.ts', ...argv], {
    cwd: workspace,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...env,
      FLOTILLA_STATE_DIR: site.stateDir,
      FLOTILLA_PORT_BASE: String(site.portBase),
      FLOTILLA_LOG_LEVEL: 'info',
      // Wrong credentials are what these tests send all the time.
      GATEWAY_FAILED_CREDENTIALS_PER_MINUTE: '100000',
      LLM_AGENT_OPENAI_COMPATIBLE_URL: `http://127.0.0.1:${site.portBase + modelPortOffset}/v1`,
      LLM_AGENT_OPENAI_COMPATIBLE_KEY: providerKey,
      LLM_AGENT_ALLOWED_HOSTS: `127.0.0.1:${site.portBase + modelPortOffset}`,
    },
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [out, problems, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== 0) throw new Error(`flotilla ${argv.join(' ')} ended with ${code}:\n${problems}${out}`);
  return out;
}
