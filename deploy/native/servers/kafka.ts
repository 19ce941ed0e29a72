import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exchange } from '../exchange.ts';
import type { ServerDefinition, ServerPlace } from '../server-definition.ts';

/** Only the quick compiler: on two cores the thorough one costs more than it gives. */
const java = [
  '/usr/bin/java',
  '-Xms256m',
  '-Xmx512m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  // Figures for jstat, for which the machine is woken twenty times a second.
  '-XX:-UsePerfData',
  '-XX:SharedArchiveFile=/part/classes.jsa',
  '-Xlog:cds*=error',
  '-Dlog4j2.configurationFile=/state/log4j2.properties',
  '-cp',
  '/part/jars/*',
];

export const kafka: ServerDefinition = {
  kind: 'kafka',
  part: 'kafka',
  stopSignal: 'SIGTERM',
  url: ({ port }) => `127.0.0.1:${port}`,

  async prepare(place, run) {
    const { stateDir } = place;
    await writeFile(join(stateDir, 'log4j2.properties'), logging);
    await writeFile(join(stateDir, 'server.properties'), properties(place, '/state/data'));
    if (existsSync(join(stateDir, 'data'))) return;
    await rm(join(stateDir, 'data.new'), { recursive: true, force: true });
    await mkdir(join(stateDir, 'data.new'));
    await writeFile(join(stateDir, 'format.properties'), properties(place, '/state/data.new'));
    const clusterId = newClusterId();
    await run([...java, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', '/state/format.properties']);
    await rm(join(stateDir, 'format.properties'));
    await rename(join(stateDir, 'data.new'), join(stateDir, 'data'));
  },

  argv: () => [...java, 'kafka.Kafka', '/state/server.properties'],

  /** The broker answers requests only after it has registered with the controller. */
  async isReady({ port }) {
    const correlation = 7_400;
    const request = Buffer.alloc(14);
    request.writeInt32BE(10, 0);
    request.writeInt16BE(18, 4); // ApiVersions, version 0
    request.writeInt32BE(correlation, 8);
    request.writeInt16BE(-1, 12); // no client id
    const reply = await exchange(port, request);
    return reply.length >= 8 && reply.readInt32BE(4) === correlation;
  },
};

/** 16 random bytes in base64url. Never with a dash first: the storage tool would take it for an option. */
export function newClusterId(random: (size: number) => Buffer = randomBytes): string {
  for (;;) {
    const id = random(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Where one Kafka node listens, and as what it is known to clients. */
export interface KafkaPlace {
  readonly bindHost: string;
  readonly port: number;
  readonly secondPort: number;
  readonly address: string;
}

/** One node is broker and controller. Every internal topic has one replica, or groups would stall silently. */
export function kafkaSettings(
  { bindHost, port, secondPort, address }: KafkaPlace,
  dataDir: string,
): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${secondPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    listeners: `PLAINTEXT://${bindHost}:${port},CONTROLLER://127.0.0.1:${secondPort}`,
    'advertised.listeners': `PLAINTEXT://${address}`,
    'log.dirs': dataDir,
    // A killed broker may come back only when its old session is over: by default after 9 s.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '1000',
    // Else it writes twice a second that nothing happened, for followers that it does not have.
    'metadata.max.idle.interval.ms': '0',
    'group.coordinator.threads': '1',
    'auto.create.topics.enable': 'false',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '4',
    'num.network.threads': '2',
    'num.io.threads': '4',
  };
}

function properties({ port, secondPort, settings }: ServerPlace, dataDir: string): string {
  const place = { bindHost: '127.0.0.1', port, secondPort, address: `127.0.0.1:${port}` };
  return Object.entries({ ...kafkaSettings(place, dataDir), ...settings })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

const logging = `status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server
logger.server.level = info
logger.config.name = kafka.server.KafkaConfig
logger.config.level = warn
`;
