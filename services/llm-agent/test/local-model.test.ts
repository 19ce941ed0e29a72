import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { ExecutionStatus } from '@flotilla/contracts/agent';
import { parseConfig } from '@flotilla/local-model/config';
import { createService } from '@flotilla/local-model/service';
import { testModelPath } from '@flotilla/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endOf, type LlmAgent, startLlmAgent } from './harness.ts';

const localModel = createService(
  parseConfig({
    LOCAL_MODEL_PATH: testModelPath(),
    LOCAL_MODEL_THREADS: '1',
    LOCAL_MODEL_HTTP_PORT: '0',
    LOCAL_MODEL_ADMIN_PORT: '0',
    FLOTILLA_LOG_LEVEL: 'silent',
  }),
);
let fleet: LlmAgent;
beforeAll(async () => {
  const { httpPort } = await localModel.start();
  fleet = await startLlmAgent({ LLM_AGENT_LOCAL_MODEL_URL: `http://127.0.0.1:${httpPort}` });
});
afterAll(async () => {
  await fleet?.stop();
  await localModel.stop();
});

test('the local model answers by the schema, streamed and counted', async () => {
  const agentId = await fleet.createAgent({
    provider: 'local',
    model: 'smollm2-135m-instruct',
    systemPrompt: 'You read release notes and answer in JSON.',
    parameters: { temperature: 0, maxTokens: 60 },
    outputSchema: {
      type: 'object',
      properties: { severity: { enum: ['low', 'medium', 'high'] }, summary: { type: 'string', maxLength: 40 } },
      required: ['severity', 'summary'],
      additionalProperties: false,
    },
  });
  const prompt = 'postgresql-17 (17.5-1): fixes CVE-2025-4207, a buffer over-read.';
  const updates = await Array.fromAsync(fleet.executions.streamAgent({ agentId, prompt }));
  const end = endOf(updates);
  expect(end).toMatchObject({ status: ExecutionStatus.COMPLETED, attempts: 1, costUsd: '0' });
  expect(end.output && toJson(ValueSchema, end.output)).toEqual(JSON.parse(end.response));
  expect(end.promptTokens).toBeGreaterThan(20);
  expect(end.completionTokens).toBeGreaterThan(5);
});
