import { databasePrefix, databaseSecret, grpcServices, portOffsets } from './fleet.ts';
import type { Surroundings } from './fleet-process.ts';

/** Ports inside containers are those of the native fleet at its default base. */
export const containerPortBase = 7400;

/** How containers find each other: by name. Secrets are placeholders that Compose fills from `.env`. */
export function containerSurroundings(): Surroundings {
  const port = (offset: number) => containerPortBase + offset;
  const password = (name: string) => secretPlaceholder(name);
  return {
    bindHost: '0.0.0.0',
    kafkaBrokers: 'kafka:9092',
    redisUrl: `redis://:${password('valkey')}@valkey:6379`,
    temporalAddress: 'temporal:7233',
    smtpUrl: `smtp://maildev:${port(portOffsets.maildev.smtp)}`,
    localModelUrl: `http://local-model:${port(portOffsets['local-model'].http)}`,
    trackerUrl: `http://tracker:${port(portOffsets.tracker.http)}`,
    otlpEndpoint: '${OTEL_EXPORTER_OTLP_ENDPOINT:-}',
    modelPath: '/opt/model/model.gguf',
    modelThreads: 2,
    superuserUrl: `postgres://postgres:${password('postgres')}@postgres:5432/postgres`,
    stateDir: () => '/state',
    databaseUrl: (service, role) => {
      const name = databasePrefix(service);
      return `postgres://${name}_${role}:${password(databaseSecret(service, role))}@postgres:5432/${name}_db`;
    },
    grpcAddress: (service) => {
      const known = grpcServices.find((one) => one === service);
      if (known === undefined) throw new Error(`${service} does not answer gRPC`);
      return `dns:///${known}:${port(portOffsets[known].grpc)}`;
    },
    secret: secretPlaceholder,
    fingerprint: (name) => secretPlaceholder(`${name}/sha256`),
  };
}

/** `database/audit_app` → `FLOTILLA_SECRET_DATABASE_AUDIT_APP` */
export function secretVariable(name: string): string {
  return `FLOTILLA_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
}

function secretPlaceholder(name: string): string {
  return `\${${secretVariable(name)}:?run node deploy/write-compose-env.ts}`;
}
