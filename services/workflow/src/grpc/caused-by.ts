import type { Call } from '@flotilla/grpc';

/** The depth of what a call starts: one deeper than the run or event that led to the call, 0 where none did. */
export function causedBy({ causationDepth }: Pick<Call, 'causationDepth'>): number {
  return causationDepth === undefined ? 0 : causationDepth + 1;
}
