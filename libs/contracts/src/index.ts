export { type CapturedTable, type ContractEvent, capturedTables, events, type Topic, topics } from './catalog.ts';
export { type EnumWords, enumWords } from './enum-words.ts';
export { type MethodRules, methodRules, permissions, registry, services } from './methods.ts';
export { withoutPrivateFields } from './private-fields.ts';
