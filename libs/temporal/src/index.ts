export { type AttemptInfo, type AttemptOptions, runAttempt } from './attempt.ts';
export { createTemporalClient, type TemporalClient, type TemporalClientOptions } from './client.ts';
export { createEncryptionCodec } from './encryption-codec.ts';
export type { TemporalCalendar, TemporalSchedule, TemporalSchedules } from './schedules.ts';
export { createTemporalWorker, type TemporalWorker, type TemporalWorkerOptions } from './worker.ts';
