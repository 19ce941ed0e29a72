export { testKafkaBrokers, testModelPath, testPostgresUrl, testRedisUrl, testTemporalAddress } from './config.ts';
export * from './database.ts';
export { eventually } from './eventually.ts';
export {
  type IdentityServer,
  startTestIdentity,
  type TestIdentity,
  type TestPrincipal,
  tenant,
  testIdentity,
} from './identity.ts';
export { type AskInspector, inspecting } from './inspector.ts';
export { type TestTopics, testKafka, testTopics, uniqueTopic } from './kafka.ts';
export {
  type ModelReply,
  type ModelRequest,
  type ModelScript,
  modelReplies,
  type ScriptedModel,
  startScriptedModel,
} from './scripted-model.ts';
