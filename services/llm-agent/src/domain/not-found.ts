import { AppError } from '@flotilla/errors';

export const agentNotFound = (): AppError => new AppError('not_found', 'AGENT_NOT_FOUND', 'There is no such agent.');

export const agentVersionNotFound = (): AppError =>
  new AppError('not_found', 'AGENT_VERSION_NOT_FOUND', 'The agent has no such version.');

export const splitNotFound = (): AppError =>
  new AppError('not_found', 'SPLIT_NOT_FOUND', 'The agent has no such split.');

export const budgetNotFound = (): AppError => new AppError('not_found', 'BUDGET_NOT_FOUND', 'There is no such budget.');

export const executionNotFound = (): AppError =>
  new AppError('not_found', 'EXECUTION_NOT_FOUND', 'There is no such execution.');

export const conversationNotFound = (): AppError =>
  new AppError('not_found', 'CONVERSATION_NOT_FOUND', 'There is no such conversation.');

export const providerNotFound = (): AppError =>
  new AppError('not_found', 'PROVIDER_NOT_FOUND', 'There is no such provider.');
