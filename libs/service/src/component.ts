/** In the order of starting; stopping goes the other way, so that nothing stops before what leans on it. */
export const phases = ['storage', 'transport', 'relay', 'work', 'edge'] as const;

/** One of {@link phases}: pools; connections to other servers; what carries events out; consumers, workers and sweeps; what takes calls. */
export type Phase = (typeof phases)[number];

/** A part of a service that is started, watched and stopped. */
export interface Component {
  readonly name: string;
  readonly phase: Phase;
  /** Awaited, as are the others. */
  start?(): unknown;
  /** Finishes what runs, within the time that is left. */
  stop?(graceMs: number): unknown;
  /** Rejects while the service cannot do its work because of this: it is then not ready, but stays alive. */
  check?(): unknown;
  /** Shown by `/readyz`, but the service works on while the check fails. */
  readonly optional?: boolean;
}
