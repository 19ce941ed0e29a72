export { driveInstance } from './drive-instance.ts';
export { runInstance } from './run-instance.ts';
