export { runInstance } from './run-instance.ts';
