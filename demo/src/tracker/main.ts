import { parseTrackerConfig } from './config.ts';
import { openLedger } from './ledger.ts';
import { createTrackerServer } from './server.ts';

const { host, port, stateDir } = parseTrackerConfig();
const server = createTrackerServer(openLedger(stateDir));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
await server.listen({ host, port });
