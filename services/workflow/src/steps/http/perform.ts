import { AppError } from '@flotilla/errors';
import { currentCausation } from '@flotilla/grpc';
import { currentTraceparent } from '@flotilla/observability';
import type { JsonObject, JsonValue } from '../../domain/json.ts';
import type { Attempt, Performer } from '../performer.ts';
import { type Answer, sendRequest } from './send-request.ts';
import type { HttpRequest } from './step.ts';

/** Headers that are ours, or that only the connection may set. */
const reserved = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'idempotency-key',
  'flotilla-undo-of',
  'traceparent',
  'causation-depth',
]);

/** Calls servers outside the fleet. `allowedHosts` are targets inside the operator's networks, as `host:port`. */
export function createHttpPerformer(allowedHosts: ReadonlySet<string>): Required<Pick<Performer, 'perform' | 'undo'>> {
  return {
    perform: async (attempt) => ({ output: await call(attempt, {}, allowedHosts) }),
    async undo(attempt) {
      await call(attempt, { 'flotilla-undo-of': attempt.doKey }, allowedHosts);
    },
  };
}

async function call(
  attempt: Attempt,
  extra: Record<string, string>,
  allowedHosts: ReadonlySet<string>,
): Promise<JsonObject> {
  const { method, url, headers, body, successStatus, retryStatus } = attempt.request as HttpRequest;
  const text = body === null ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const traceparent = currentTraceparent();
  const causation = currentCausation();
  const answer = await sendRequest(
    {
      method,
      url,
      body: text,
      signal: attempt.signal,
      headers: {
        accept: 'application/json, text/*;q=0.5',
        'accept-encoding': 'identity',
        'user-agent': 'flotilla',
        ...(text === undefined
          ? {}
          : { 'content-type': typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json' }),
        ...authorHeaders(headers),
        ...(text === undefined ? {} : { 'content-length': String(Buffer.byteLength(text)) }),
        'idempotency-key': attempt.effectKey,
        ...(traceparent === undefined ? {} : { traceparent }),
        ...(causation === undefined ? {} : { 'causation-depth': String(causation) }),
        ...extra,
      },
    },
    allowedHosts,
  );
  const succeeded =
    successStatus.length === 0 ? answer.status >= 200 && answer.status < 300 : successStatus.includes(answer.status);
  if (!succeeded) throw refusal(answer, retryStatus);
  return { status: answer.status, body: parseBody(answer) };
}

function authorHeaders(headers: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]) => [name.toLowerCase(), String(value)] as const)
      .filter(([name]) => !reserved.has(name)),
  );
}

function refusal({ status, headers, text }: Answer, retryStatus: readonly number[] | undefined): AppError {
  const says = text.trim() === '' ? '' : `: ${text.trim().slice(0, 300)}`;
  const message = `The server answered ${status}${says}`;
  const mayPass = retryStatus?.includes(status) ?? ([408, 425, 429].includes(status) || status >= 500);
  if (!mayPass) return new AppError('failed_precondition', 'HTTP_STATUS', message);
  const seconds = Number(headers['retry-after']);
  return new AppError('unavailable', 'HTTP_STATUS', message, {
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 600) * 1000 : undefined,
  });
}

const MAX_BODY_DEPTH = 64;

/** JSON where the server says so and it is; the text otherwise. */
function parseBody({ headers, text }: Answer): JsonValue {
  if (!/[/+]json\b/i.test(headers['content-type'] ?? '')) return text;
  try {
    const value = JSON.parse(text) as JsonValue;
    return isDeeper(value, MAX_BODY_DEPTH) ? text : value;
  } catch {
    return text;
  }
}

function isDeeper(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner: JsonValue) => isDeeper(inner, levels - 1));
}
