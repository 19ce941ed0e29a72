import { createKafkaTransport, createRelay } from '../../src/index.ts';
import { log } from '../agents-database.ts';

/** A relay that is gone the moment its first batch is acknowledged, before it can move the rows. */
const options = JSON.parse(process.argv[2] ?? '{}') as { url: string; brokers: string[]; prefix: string };
const transport = createKafkaTransport({ ...options, clientId: 'dying-relay', log });
const relay = createRelay({
  url: options.url,
  log,
  transport: {
    ...transport,
    async publish(batch) {
      await transport.publish(batch);
      if (batch.length > 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
relay.start();
process.stdin.resume();
process.stdin.on('end', () => process.exit());
