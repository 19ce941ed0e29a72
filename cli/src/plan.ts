import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describeFleet, type FleetProcess, installed, nativeSurroundings, openSecrets } from '@flotilla/deploy';
import type { CliConfig } from './config.ts';
import { type FleetFile, readFleetFile } from './supervisor/fleet-file.ts';

/** How a fleet shall be started. */
export interface FleetWish {
  readonly replicas: number;
  /** Services run from their sources. */
  readonly fromSources: boolean;
}

/** Describes the fleet of this checkout: every process whose program is here. */
export async function planFleet(config: CliConfig, wish: FleetWish): Promise<FleetFile> {
  const shape = { portBase: config.portBase, replicas: wish.replicas };
  const surroundings = nativeSurroundings(shape, {
    secrets: openSecrets(join(config.stateDir, 'secrets.json')),
    stateDir: join(config.stateDir, 'data'),
    modelPath: join(await installed('chat-model'), 'model.gguf'),
  });
  const processes = describeFleet(shape, surroundings)
    .filter((one) => isHere(one, config.workspace))
    .map((one) => ({ ...one, env: { ...one.env, ...overridesFor(one, config.overrides) } }));
  const { workspace, stateDir, inherited } = config;
  return { shape, processes, site: { workspace, stateDir, inherited, fromSources: wish.fromSources } };
}

/** Whether a running fleet is what is wished for now. */
export function isSameFleet(running: FleetFile, planned: FleetFile): boolean {
  const essence = ({ shape, processes, site }: FleetFile) => JSON.stringify([shape, processes, site.fromSources]);
  return essence(running) === essence(planned);
}

/** What the last `up` asked for: a later command without options means the same fleet. */
export function rememberedWish(config: CliConfig): FleetWish {
  const last = readFleetFile(config.stateDir);
  return { replicas: last?.shape.replicas ?? 1, fromSources: last?.site.fromSources ?? false };
}

function isHere({ program }: FleetProcess, workspace: string): boolean {
  if (program.kind === 'server') return true;
  return existsSync(join(workspace, program.kind === 'script' ? program.path : join(program.folder, 'src/main.ts')));
}

function overridesFor(
  { program, env }: FleetProcess,
  overrides: Readonly<Record<string, string>>,
): Record<string, string> {
  if (program.kind !== 'service') return {};
  const prefix = `${program.folder.replace('services/', '').toUpperCase().replaceAll('-', '_')}_`;
  return Object.fromEntries(Object.entries(overrides).filter(([name]) => name.startsWith(prefix) || name in env));
}
