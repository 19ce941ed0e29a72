export * from './database.ts';
export {
  type ModelReply,
  type ModelRequest,
  type ModelScript,
  modelReplies,
  type ScriptedModel,
  startScriptedModel,
} from './scripted-model.ts';
