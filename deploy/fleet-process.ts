import type { ServerKind } from './native/server-definition.ts';

/** What a process runs. Paths are relative to the workspace. */
export type Program =
  | { readonly kind: 'server'; readonly server: ServerKind; readonly password?: string }
  | { readonly kind: 'service'; readonly folder: string; readonly argv: readonly string[] }
  | { readonly kind: 'script'; readonly path: string; readonly argv: readonly string[] };

/** How one sees that a process is well. A task is well when it has ended with 0. */
export type Health =
  | { readonly kind: 'protocol' }
  | { readonly kind: 'http'; readonly port: number; readonly path: string }
  | { readonly kind: 'exit' };

/** One process of the fleet, fully described. */
export interface FleetProcess {
  /** Unique: `identity`, its second replica `identity-2`, its migration `migrate-identity`. */
  readonly name: string;
  readonly kind: 'backing' | 'task' | 'service';
  readonly about: string;
  readonly program: Program;
  /** By what each is for; the first is the one that `status` shows. */
  readonly ports: Readonly<Record<string, number>>;
  readonly health: Health;
  /** Names of the processes that must be well before this one starts. */
  readonly after: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The roles of a service's database that a process can connect as. */
export type DatabaseRole = 'migrator' | 'app' | 'relay';

/** Where a process finds the others: differs between this machine's processes and containers. */
export interface Surroundings {
  readonly bindHost: string;
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  readonly temporalAddress: string;
  readonly smtpUrl: string;
  readonly localModelUrl: string;
  readonly trackerUrl: string;
  /** Where traces go; empty where nobody collects them. */
  readonly otlpEndpoint: string;
  readonly modelPath: string;
  readonly modelThreads: number;
  readonly superuserUrl: string;
  /** A folder that keeps what a process without a database writes. */
  stateDir(process: string): string;
  databaseUrl(service: string, role: DatabaseRole): string;
  /** A target for gRPC clients, all replicas in it. */
  grpcAddress(service: string): string;
  secret(name: string): string;
  /** SHA-256 of a secret, in hexadecimal. */
  fingerprint(name: string): string;
}
