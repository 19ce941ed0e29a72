import type { DescService } from '@bufbuild/protobuf';
import { createLogger, createMetrics } from '@flotilla/observability';
import {
  createKeyring,
  createPrincipalVerifier,
  generateSigningKeys,
  type PrincipalClaims,
  signPrincipal,
  staticKeys,
} from '@flotilla/secrets';
import { onTestFinished } from 'vitest';
import {
  type Call,
  createGrpcClient,
  createGrpcServer,
  type Denial,
  type GrpcServerOptions,
  implement,
  type RegisteredService,
  type ServiceImplementation,
} from '../src/index.ts';

export const keyring = createKeyring(generateSigningKeys());

export async function tokenFor(claims: Partial<PrincipalClaims> = {}): Promise<string> {
  const whole = { tenantId: '11111111-1111-7111-8111-111111111111', permissions: [], operator: false, ...claims };
  const subject = whole.serviceName === undefined ? { userId: 'u1' } : {};
  return (await signPrincipal(keyring, { ...subject, ...whole }, 60_000)).token;
}

/** A service of which only the given methods answer. */
export function partly<S extends DescService>(
  service: S,
  methods: Partial<ServiceImplementation<S>>,
): RegisteredService {
  const missing = async () => Promise.reject(new Error('not part of this test'));
  const all = Object.fromEntries(service.methods.map((method) => [method.localName, missing]));
  return implement(service, { ...all, ...methods } as ServiceImplementation<S>);
}

/** A real server on a free port, with what it refused and what it logged. */
export async function startServer(services: RegisteredService[], options: Partial<GrpcServerOptions> = {}) {
  const denials: Denial[] = [];
  const lines: string[] = [];
  const server = createGrpcServer({
    services,
    host: '127.0.0.1',
    port: 0,
    verify: createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()) }),
    log: createLogger({ service: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } }),
    metrics: createMetrics('test'),
    record: (denial) => denials.push(denial),
    ...options,
  });
  const { port } = await server.start();
  onTestFinished(() => server.drain(0));
  const clientOf = <S extends DescService>(service: S, token?: string) => {
    const client = createGrpcClient(service, {
      address: `127.0.0.1:${port}`,
      token: token === undefined ? undefined : () => token,
    });
    onTestFinished(() => client.close());
    return client;
  };
  return { server, port, denials, lines, clientOf };
}

/** Resolves when the call's signal is aborted, with the reason. */
export function untilAborted({ signal }: Call): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}
