export { installed, type NativePart } from './native/install.ts';
export { freePort } from './native/ports.ts';
export { type Exit, type RunningServer, type ServerOptions, startServer } from './native/server.ts';
export type { ServerKind } from './native/server-definition.ts';
export { startTestServers, type TestServers } from './native/test-servers.ts';
