import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { inspecting } from '@flotilla/testing';

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Where a running Node process spends its time while `work` goes on: shares of its busy time by package, library or service. */
export async function hotSpots(
  pid: number,
  work: () => Promise<void>,
): Promise<{ readonly rows: (readonly [string, number])[] }> {
  return inspecting(pid, async (ask) => {
    await ask('Profiler.enable');
    await ask('Profiler.start');
    await work();
    const { profile } = (await ask('Profiler.stop')) as { profile: Profile };
    return { rows: shares(profile) };
  });
}

function shares({ nodes, samples, timeDeltas }: Profile): (readonly [string, number])[] {
  const placeOf = createPlaces();
  const places = new Map(nodes.map((node) => [node.id, placeOf(node)]));
  const spent = new Map<string, number>();
  samples.forEach((id, index) => {
    const place = places.get(id) ?? '(unknown)';
    if (place !== '(idle)') spent.set(place, (spent.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const total = [...spent.values()].reduce((sum, time) => sum + time, 0);
  return [...spent]
    .map(([place, time]) => [place, (100 * time) / total] as const)
    .filter(([, share]) => share >= 1)
    .sort(([, one], [, other]) => other - one)
    .slice(0, 25);
}

/** Names the package, library or service that a function of a bundle came from, by the bundle's source map. */
function createPlaces(): (node: ProfileNode) => string {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) {
      const map = `${file}.map`;
      maps.set(file, existsSync(map) ? new SourceMap(JSON.parse(readFileSync(map, 'utf8'))) : undefined);
    }
    return maps.get(file);
  };
  return ({ callFrame: { functionName, url, lineNumber, columnNumber } }) => {
    if (url === '') return functionName.startsWith('(') ? functionName : `native ${functionName}`;
    if (url.startsWith('node:')) return 'Node.js';
    const file = url.startsWith('file:') ? fileURLToPath(url) : url;
    const entry = mapOf(file)?.findEntry(lineNumber, columnNumber);
    return packageOf(entry !== undefined && 'originalSource' in entry ? entry.originalSource : file);
  };
}

function packageOf(path: string): string {
  const installed = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
  return installed ?? /((?:libs|services)\/[^/]+|src)\//.exec(path)?.[1] ?? path;
}
