export { driveInstance } from './drive-instance.ts';
export { fireSchedule } from './fire-schedule.ts';
export { runInstance } from './run-instance.ts';
