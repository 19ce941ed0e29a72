import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { AppError } from '@flotilla/errors';
import { checkTarget } from '@flotilla/outbound';

export interface OutgoingRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** As much as a step may leave, escapes of JSON not counted. */
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024;

/**
 * Connections are kept for a moment, below the five seconds after which common servers close them. Each was made to an
 * address that was checked.
 */
const keeping = { keepAlive: true, timeout: 4_000, maxFreeSockets: 64 };
const agents = { 'http:': new Agent(keeping), 'https:': new SecureAgent(keeping) };

/** A kept connection broke when it was used again, before any answer: as a rule its server had closed it, and read nothing. */
class ConnectionGone extends Error {}

/** Sends one request and reads the whole answer. Follows no redirect. */
export async function sendRequest(outgoing: OutgoingRequest, allowedHosts: ReadonlySet<string>): Promise<Answer> {
  const url = parseUrl(outgoing.url);
  const target = checkTarget(url, allowedHosts);
  const { signal } = outgoing;
  const agent = agents[url.protocol === 'https:' ? 'https:' : 'http:'];
  try {
    return await ask(outgoing, url, { ...target, agent }).catch((error: unknown) => {
      if (error instanceof ConnectionGone && !signal.aborted) return ask(outgoing, url, { ...target, agent: false });
      throw error;
    });
  } catch (error) {
    throw toFailure(error, signal);
  }
}

function ask(outgoing: OutgoingRequest, url: URL, way: RequestOptions): Promise<Answer> {
  const { method, headers, body, signal } = outgoing;
  return new Promise<Answer>((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    let answered = false;
    const request: ClientRequest = send(url, { method, headers, signal, ...way }, (response) => {
      answered = true;
      readAnswer(response).then(resolve, (error: unknown) => {
        request.destroy();
        reject(error);
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const isGone = !answered && request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(isGone ? new ConnectionGone(error.message) : error);
    });
    request.end(body);
  });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) {
      throw new AppError(
        'failed_precondition',
        'HTTP_ANSWER_TOO_LARGE',
        `The answer has more than ${MAX_RESPONSE_BYTES} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString('utf8') };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new AppError(
      'failed_precondition',
      'HTTP_URL_INVALID',
      'The URL is not an http or https address without credentials.',
    );
  }
  return url;
}

function toFailure(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof AppError) return error;
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_INVALID_CHAR' || code === 'ERR_INVALID_HTTP_TOKEN') {
    return new AppError(
      'failed_precondition',
      'HTTP_HEADER_INVALID',
      'A header has characters that headers cannot have.',
      { cause: error },
    );
  }
  return new AppError('unavailable', 'HTTP_UNREACHABLE', 'The server did not answer.', { cause: error });
}
