import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installed, portOffsets } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { rememberedWish } from '../plan.ts';
import { administratorKey } from './key.ts';
import { up } from './up.ts';

/** Runs the demo on the fleet, which it brings up first. Resolves to the demo's exit code. */
export async function demo(config: CliConfig, argv: readonly string[]): Promise<number> {
  const script = join(config.workspace, 'demo/src/main.ts');
  if (!existsSync(script)) throw new Error('There is no demo in this checkout.');
  const began = performance.now();
  const asked = withProvider(config, argv);
  await up(asked, rememberedWish(asked));
  const at = (offset: number) => `127.0.0.1:${config.portBase + offset}`;
  const env = {
    ...config.inherited,
    ...(config.env['TERM'] === undefined ? {} : { TERM: config.env['TERM'] }),
    DEMO_GATEWAY_URL: `http://${at(portOffsets.gateway.http)}`,
    DEMO_API_KEY: administratorKey(config),
    DEMO_TRACKER_URL: `http://${at(portOffsets.tracker.http)}`,
    DEMO_MAIL_URL: `http://${at(portOffsets.maildev.web)}`,
    DEMO_LOCAL_MODEL_URL: `http://${at(portOffsets['local-model'].http)}`,
    DEMO_TEMPORAL_ADDRESS: at(portOffsets.temporal.grpc),
    DEMO_CHANGELOGS: join(await installed('root'), 'rootfs/usr/share/doc'),
    DEMO_FLOTILLA: join(config.workspace, 'flotilla'),
    DEMO_START_MS: String(Math.round(performance.now() - began)),
    ...Object.fromEntries(Object.entries(config.env).filter(([name]) => name.startsWith('FLOTILLA_'))),
  };
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', script, ...argv], {
    stdio: 'inherit',
    env,
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

/** `--provider <url>` is for the fleet as well: llm-agent has to know the address. Its key, if it needs one, comes from LLM_AGENT_OPENAI_COMPATIBLE_KEY. */
function withProvider(config: CliConfig, argv: readonly string[]): CliConfig {
  const at = argv.findIndex((one) => one === '--provider' || one.startsWith('--provider='));
  const option = argv[at];
  if (option === undefined) return config;
  const url = option.includes('=') ? option.slice(option.indexOf('=') + 1) : (argv[at + 1] ?? '');
  return { ...config, overrides: { ...config.overrides, LLM_AGENT_OPENAI_COMPATIBLE_URL: url } };
}
