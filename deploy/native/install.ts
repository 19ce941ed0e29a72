import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** What `install.sh` knows how to fetch. */
export type NativePart =
  | 'root'
  | 'node'
  | 'pnpm'
  | 'kafka'
  | 'temporal'
  | 'chat-model'
  | 'schemathesis'
  | 'grpc-client';

const script = join(import.meta.dirname, 'install.sh');

/**
 * Where a part of the native stack is on this machine; fetches it first when it is not here yet.
 * @param onProgress gets one line per step; by default they go to standard error
 * @throws Error with what to do next, when it cannot be fetched
 */
export async function installed(part: NativePart, onProgress?: (line: string) => void): Promise<string> {
  const child = spawn('bash', [script, part], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said.push(chunk);
    for (const line of chunk.split('\n').filter(Boolean)) {
      if (onProgress) onProgress(line);
      else process.stderr.write(`${line}\n`);
    }
  });
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [place, code] = await Promise.all([text(child.stdout), closed]);
  if (code !== 0) throw new Error(said.join('').trim() || `${script} ${part} failed`);
  return place.trim();
}
