export {
  type ActionRecorder,
  type ActionRecorderOptions,
  createActionRecorder,
  type RecordedAction,
  sendToIdentity,
} from './action-recorder.ts';
export { type CommonConfig, commonConfig, readOtlpEndpoint } from './common-config.ts';
export { type Component, type Phase, phases } from './component.ts';
export { toAction } from './denied-action.ts';
export { type EncryptionConfig, encryptionConfig } from './encryption-config.ts';
export { migrationsFolder } from './migrations-folder.ts';
export { type Program, runService, type Service } from './run-service.ts';
export { createRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';
export { createServiceKit, type KitOptions, type ServiceKit } from './service-kit.ts';
export { createServiceTokens, type ServiceTokens, type ServiceTokensOptions } from './service-tokens.ts';
