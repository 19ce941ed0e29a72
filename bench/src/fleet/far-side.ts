import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { modelReplies, startScriptedModel } from '@flotilla/testing';
import { answerCalls } from '../child.ts';

/** The outside world of a fleet that is measured: a model provider and an HTTP target, both of which answer at once. */
export interface FarSideCalls {
  start(): Promise<{ readonly modelUrl: string; readonly targetUrl: string }>;
}

async function start(): Promise<{ modelUrl: string; targetUrl: string }> {
  const model = await startScriptedModel({ script: [modelReplies.text('It is well.')] });
  const target = createServer((request, response) => {
    request.resume().once('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}');
    });
  });
  await new Promise<void>((resolve, reject) => target.once('error', reject).listen(0, '127.0.0.1', resolve));
  return { modelUrl: model.url, targetUrl: `http://127.0.0.1:${(target.address() as AddressInfo).port}` };
}

answerCalls({ start });
