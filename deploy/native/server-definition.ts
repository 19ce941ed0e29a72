import type { NativePart } from './install.ts';

/** The backing servers that the native stack has. */
export type ServerKind = 'postgres' | 'kafka' | 'valkey' | 'temporal';

/** Where one server lives. */
export interface ServerPlace {
  /** Its files on this machine; `/state` inside the sandbox. */
  readonly stateDir: string;
  readonly port: number;
  /** Kafka's controller listens here; other servers have no second port. */
  readonly secondPort: number;
  /** Of the superuser (Postgres) or the default user (Valkey); others have none. */
  readonly password: string;
  /** Extra settings in the server's own words. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Runs a program to its end in the server's sandbox. */
export type RunOnce = (argv: readonly string[], env?: Readonly<Record<string, string>>) => Promise<void>;

/** How one kind of server is made, started, asked and stopped. */
export interface ServerDefinition {
  readonly kind: ServerKind;
  /** What it needs beside the Debian root, seen as `/part`. */
  readonly part?: NativePart;
  /** Writes configuration and, the first time, makes the empty state. */
  prepare(place: ServerPlace, run: RunOnce): Promise<void>;
  argv(place: ServerPlace): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the server answers in its own protocol; false and a refused connection both mean "not yet". */
  isReady(place: ServerPlace): Promise<boolean>;
  /** Asks for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  url(place: ServerPlace): string;
}
