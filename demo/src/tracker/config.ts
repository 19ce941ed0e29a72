import { parseEnvironment } from '@flotilla/config';

/** What the tracker is started with. */
export interface TrackerConfig {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where the log of changes lies. */
  readonly stateDir: string;
}

export function parseTrackerConfig(env: Record<string, string | undefined> = process.env): TrackerConfig {
  return parseEnvironment(env, (read) => ({
    host: read.text('FLOTILLA_HOST', { description: 'Address to listen on.', default: '127.0.0.1' }),
    port: read.integer('TRACKER_HTTP_PORT', { description: 'Port to listen on.', min: 0, max: 65_535 }),
    stateDir: read.text('TRACKER_STATE_DIR', { description: 'Folder of the log of changes.' }),
  }));
}
