import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installed, openSecrets, portOffsets } from '@flotilla/deploy';
import type { CliConfig } from '../config.ts';
import { rememberedWish } from '../plan.ts';
import { up } from './up.ts';

/** Runs the demo on the fleet, which it brings up first. Resolves to the demo's exit code. */
export async function demo(config: CliConfig, argv: readonly string[]): Promise<number> {
  const script = join(config.workspace, 'demo/src/main.ts');
  if (!existsSync(script)) throw new Error('There is no demo in this checkout.');
  const began = performance.now();
  await up(config, rememberedWish(config));
  const secrets = openSecrets(join(config.stateDir, 'secrets.json'));
  const at = (offset: number) => `127.0.0.1:${config.portBase + offset}`;
  const env = {
    ...config.inherited,
    ...(config.env['TERM'] === undefined ? {} : { TERM: config.env['TERM'] }),
    DEMO_GATEWAY_URL: `http://${at(portOffsets.gateway.http)}`,
    DEMO_API_KEY: secrets.text('bootstrap/api-key', 'flk_'),
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
