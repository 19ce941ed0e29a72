import { parseEnvironment } from '@flotilla/config';

/** What `./flotilla demo` tells the demo about the fleet. */
export interface DemoConfig {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly trackerUrl: string;
  readonly mailUrl: string;
  readonly temporalAddress: string;
  /** The folder `usr/share/doc` of the native stack's root file system. */
  readonly changelogs: string;
  /** The one command, to kill processes with. */
  readonly flotilla: string;
  /** How long the fleet took to come up before the demo. */
  readonly startMs: number;
  /** Passed to the one command, so that it means the same fleet. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function readDemoConfig(): DemoConfig {
  const environment = process.env;
  return parseEnvironment(environment, (read) => ({
    gatewayUrl: read.url('DEMO_GATEWAY_URL', { description: 'The gateway of the fleet.' }),
    apiKey: read.secret('DEMO_API_KEY', { description: 'An API key of an administrator.' }),
    trackerUrl: read.url('DEMO_TRACKER_URL', { description: 'The tracker that keeps change records.' }),
    mailUrl: read.url('DEMO_MAIL_URL', { description: 'Where people can look into the mail inbox.' }),
    temporalAddress: read.text('DEMO_TEMPORAL_ADDRESS', { description: 'Where Temporal listens.' }),
    changelogs: read.text('DEMO_CHANGELOGS', { description: 'The folder with changelogs of packages.' }),
    flotilla: read.text('DEMO_FLOTILLA', { description: 'The path of the one command.' }),
    startMs: read.integer('DEMO_START_MS', { description: 'How long the fleet took to come up.', default: 0 }),
    environment,
  }));
}
