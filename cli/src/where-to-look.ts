import { portOffsets } from '@flotilla/deploy';
import type { CliConfig } from './config.ts';

/** What a newcomer may want to open next. */
export function whereToLook({ portBase }: CliConfig): string {
  const at = (offset: number) => `127.0.0.1:${portBase + offset}`;
  return `
The fleet is up.
  REST        http://${at(portOffsets.gateway.http)}  (documentation: /docs, contract: /openapi.json)
  mail inbox  http://${at(portOffsets.maildev.web)}
  processes   ./flotilla status     logs  ./flotilla logs [process] -f     end  ./flotilla down
  a real job  ./flotilla demo
`;
}
