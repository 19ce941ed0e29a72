import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { databasePrefix, databaseSecret, type FleetShape, portOffsets, replicaOffset } from './fleet.ts';
import type { Surroundings } from './fleet-process.ts';
import { type FleetSecrets, fingerprint, secretValue } from './secrets.ts';

/** How the processes of the native stack find each other: everything on the loopback interface. */
export function nativeSurroundings(
  { portBase, replicas }: FleetShape,
  fleet: { readonly secrets: FleetSecrets; readonly stateDir: string; readonly modelPath: string },
): Surroundings {
  const host = '127.0.0.1';
  const at = (offset: number) => `${host}:${portBase + offset}`;
  const { secrets } = fleet;
  return {
    bindHost: host,
    kafkaBrokers: at(portOffsets.kafka.broker),
    redisUrl: `redis://:${secrets.text('valkey')}@${at(portOffsets.valkey.redis)}`,
    temporalAddress: at(portOffsets.temporal.grpc),
    smtpUrl: `smtp://${at(portOffsets.maildev.smtp)}`,
    localModelUrl: `http://${at(portOffsets['local-model'].http)}`,
    trackerUrl: `http://${at(portOffsets.tracker.http)}`,
    // The command line puts the operator's in its place.
    otlpEndpoint: '',
    modelPath: fleet.modelPath,
    // One core is left to the rest of the fleet: threads that wait for each other on busy cores are slower than one.
    modelThreads: Math.max(1, Math.min(4, availableParallelism() - 1)),
    superuserUrl: `postgres://postgres:${secrets.text('postgres')}@${at(portOffsets.postgres.sql)}/postgres`,
    stateDir: (name) => join(fleet.stateDir, name),
    databaseUrl: (service, role) => {
      const name = databasePrefix(service);
      const password = secrets.text(databaseSecret(service, role));
      return `postgres://${name}_${role}:${password}@${at(portOffsets.postgres.sql)}/${name}_db`;
    },
    grpcAddress: (service) => {
      const first = portOffsets[service as 'identity'].grpc;
      const all = Array.from({ length: replicas }, (_, index) => at(first + replicaOffset(index + 1)));
      return replicas === 1 ? (all[0] ?? '') : `ipv4:${all.join(',')}`;
    },
    secret: (name) => secretValue(secrets, name),
    fingerprint: (name) => fingerprint(secretValue(secrets, name)),
  };
}
