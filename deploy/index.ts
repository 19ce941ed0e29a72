export {
  databasePrefix,
  databaseSecret,
  describeFleet,
  type FleetShape,
  grpcServices,
  portOffsets,
  replicaOffset,
  variablePrefix,
} from './fleet.ts';
export type { FleetProcess, Health, Program, Surroundings } from './fleet-process.ts';
export { installed, type NativePart } from './native/install.ts';
export { freePort, isFree } from './native/ports.ts';
export { runInRoot, spawnSandboxed } from './native/sandbox.ts';
export { type Exit, type RunningServer, type ServerOptions, startServer } from './native/server.ts';
export type { ServerKind } from './native/server-definition.ts';
export { startTestServers, type TestServers } from './native/test-servers.ts';
export { nativeSurroundings } from './native-surroundings.ts';
export {
  type FleetSite,
  type OwnFleet,
  type OwnFleetOptions,
  type ProcessView,
  runFlotilla,
  startOwnFleet,
} from './own-fleet.ts';
export { type FleetSecrets, openSecrets, secretValue } from './secrets.ts';
