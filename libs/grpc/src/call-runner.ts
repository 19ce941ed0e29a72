import type { DescMethod, MessageShape } from '@bufbuild/protobuf';
import { methodRules } from '@flotilla/contracts';
import { AppError, toAppError } from '@flotilla/errors';
import { currentTraceparent, type Logger, newTraceparent, withTraceparent } from '@flotilla/observability';
import type { Metadata } from '@grpc/grpc-js';
import { admit } from './admission.ts';
import type { Call, Principal, PrincipalVerifier } from './call.ts';
import { causationEntry, parseCausation, withCausation } from './causation.ts';
import { deadlineExceeded, withDeadline } from './deadline.ts';
import { idempotencyScope } from './idempotency.ts';
import type { OutcomeReporter } from './outcome.ts';
import { parseRequest } from './validation.ts';

/** What a call runs in. */
export interface CallRunner {
  readonly verify: PrincipalVerifier;
  readonly log: Logger;
  readonly reporter: OutcomeReporter;
  readonly defaultDeadlineMs: number;
  readonly maxStreamMs: number;
  readonly maxMessageBytes: number;
  readonly maxConcurrentCalls: number;
  /** The calls that are being answered; going down aborts them. */
  readonly running: Set<RunningCall>;
}

/** A call that is being answered. */
export interface RunningCall {
  /** A stream that only follows something: whoever reads it resumes elsewhere. */
  readonly watches: boolean;
  abort(reason: AppError): void;
}

/** The part of grpc-js's call objects that both kinds of calls share. */
export interface SurfaceCall {
  readonly request: Buffer;
  readonly metadata: Metadata;
  getDeadline(): Date | number;
  getPeer(): string;
  once(event: 'cancelled', listener: () => void): unknown;
}

const longestTimerMs = 2 ** 31 - 1;

/**
 * Runs one call in the fleet's order: deadline, trace, principal, permission, validation, handler. Resolves with the
 * error to answer with; never rejects.
 */
export async function runCall(
  runner: CallRunner,
  method: DescMethod,
  surface: SurfaceCall,
  answer: (request: MessageShape<DescMethod['input']>, call: Call) => Promise<void>,
): Promise<AppError | undefined> {
  const startedAt = performance.now();
  const deadline = deadlineOf(surface, method.methodKind === 'unary' ? runner.defaultDeadlineMs : runner.maxStreamMs);
  const rules = methodRules(method);
  const name = `${method.parent.typeName}/${method.name}`;
  const controller = new AbortController();
  const running: RunningCall = {
    watches: method.methodKind !== 'unary' && !rules.effect && rules.audit === undefined,
    abort: (reason) => controller.abort(reason),
  };
  surface.once('cancelled', () => {
    // Said of every call, also of those that were answered.
    if (!runner.running.has(running)) return;
    running.abort(
      deadline.getTime() <= Date.now()
        ? deadlineExceeded()
        : new AppError('cancelled', 'CANCELLED', 'The call was cancelled.'),
    );
  });
  const leftMs = Math.min(Math.max(deadline.getTime() - Date.now(), 0), longestTimerMs);
  const timer = setTimeout(() => running.abort(deadlineExceeded()), leftMs);
  let principal: Principal | undefined;
  let traceparent = '';
  const causationDepth = parseCausation(textOf(surface.metadata, causationEntry));

  async function work(): Promise<void> {
    traceparent = currentTraceparent() ?? newTraceparent();
    if (runner.running.size > runner.maxConcurrentCalls) {
      throw new AppError('resource_exhausted', 'OVERLOADED', 'The service has too many calls at once.', {
        retryAfterMs: 1_000,
      });
    }
    const admitted = await admit(method, surface.metadata, runner.verify, (seen) => {
      principal = seen;
    });
    principal = admitted.principal;
    const request = parseRequest(method.input, surface.request, runner.maxMessageBytes);
    const key = rules.idempotent ? textOf(surface.metadata, 'idempotency-key') : undefined;
    controller.signal.throwIfAborted();
    await answer(request, {
      ...admitted,
      ...(key !== undefined && { idempotency: idempotencyScope(method, request, key) }),
      traceparent,
      causationDepth,
      deadline,
      signal: controller.signal,
      method,
      log: runner.log,
      peer: surface.getPeer(),
      metadata: (entry) => textOf(surface.metadata, entry),
    });
  }

  runner.running.add(running);
  let error: AppError | undefined;
  try {
    await withTraceparent(textOf(surface.metadata, 'traceparent'), name, () =>
      withCausation(causationDepth, () => untilAborted(controller.signal, withDeadline(deadline, work))),
    );
  } catch (failure) {
    error = toAppError(failure);
  } finally {
    clearTimeout(timer);
    runner.running.delete(running);
  }
  runner.reporter.ended({ method, name, principal, traceparent, peer: surface.getPeer(), startedAt, error });
  return error;
}

/** Settles as `work` does, or rejects when the signal says so first: a handler that ignores its signal keeps no caller waiting. */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function deadlineOf(surface: SurfaceCall, defaultMs: number): Date {
  const asked = Number(surface.getDeadline());
  return Number.isFinite(asked) ? new Date(asked) : new Date(Date.now() + defaultMs);
}

function textOf(metadata: Metadata, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === 'string' ? value : undefined;
}
