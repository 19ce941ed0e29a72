import { type FleetSite, runFlotilla } from '@flotilla/deploy';
import { loadConfig } from './config.ts';

/** Where the tests play a model provider: the fleet expects it there, each test file starts it itself. */
export const modelPortOffset = 30;

/** The provider key that the fleet is given; it must never be seen anywhere but at the provider. */
export const providerKey = 'canary-provider-key-0123456789abcdef';

/** What the fleet of the tests is told beside its own description. */
export function testVariables(portBase: number): Record<string, string> {
  return {
    FLOTILLA_LOG_LEVEL: 'info',
    // Wrong credentials are what these tests send all the time.
    GATEWAY_FAILED_CREDENTIALS_PER_MINUTE: '100000',
    LLM_AGENT_OPENAI_COMPATIBLE_URL: `http://127.0.0.1:${portBase + modelPortOffset}/v1`,
    LLM_AGENT_OPENAI_COMPATIBLE_KEY: providerKey,
    LLM_AGENT_ALLOWED_HOSTS: `127.0.0.1:${portBase + modelPortOffset}`,
  };
}

/** Runs the fleet's own command, as a person would. Resolves to what it printed. */
export async function flotilla(site: FleetSite, ...argv: readonly string[]): Promise<string> {
  const { workspace, env } = loadConfig();
  return runFlotilla(workspace, site, { ...env, ...testVariables(site.portBase) }, argv);
}
