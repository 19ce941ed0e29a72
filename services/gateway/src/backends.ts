import type { DescService } from '@bufbuild/protobuf';
import { createGrpcClient } from '@flotilla/grpc';
import type { Metrics } from '@flotilla/observability';
import type { AnyClient } from './http/call-method.ts';

/** Clients of the services behind the edge. */
export interface Backends {
  clientOf(service: DescService): AnyClient | undefined;
  close(): void;
}

/** Creates a client for each service whose domain has an address: `agent` is the domain of `flotilla.agent.v1`. */
export function createBackends(
  services: readonly DescService[],
  addresses: Readonly<Record<string, string>>,
  metrics: Metrics,
): Backends {
  const clients = new Map(
    services.flatMap((service) => {
      const address = addresses[domainOf(service)];
      return address === undefined
        ? []
        : [[service.typeName, createGrpcClient(service, { address, metrics })] as const];
    }),
  );
  return {
    clientOf: (service) => clients.get(service.typeName) as AnyClient | undefined,
    close: () => {
      for (const client of clients.values()) client.close();
    },
  };
}

function domainOf(service: DescService): string {
  return service.file.proto.package.split('.')[1] ?? '';
}
