export { describeEnvironment, type EnvironmentVariable, replaceEnvironmentTable } from './describe-environment.ts';
export type { EnvironmentReader, Setting } from './environment-reader.ts';
export { type Environment, parseEnvironment } from './parse-environment.ts';
