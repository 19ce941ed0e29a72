import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { type ModelProvider, ProviderFailure } from './model-provider.ts';

export interface CircuitBreakersOptions {
  /** Failures in a row that open a circuit. */
  readonly failures: number;
  /** How long it stays open before one call may try. */
  readonly openMs: number;
  readonly now: () => Date;
}

/** What a circuit is told about, beside calls. */
export interface CircuitEvents {
  onOpen(failure: ProviderFailure): void;
  onClose(): void;
}

export interface CircuitBreakers {
  /** The provider behind the circuit of this key. While it is open, calls fail at once with PROVIDER_CIRCUIT_OPEN. */
  guard(key: string, provider: ModelProvider, events?: CircuitEvents): ModelProvider;
}

/** Circuits at most; the one that was not used for longest goes first. */
const maxCircuits = 10_000;

/**
 * A circuit for each tenant and provider, in this process: each replica finds out for itself, and none has to ask a store
 * before it may call. A circuit opens when calls in a row found the provider away or too slow, or broke off; a rate limit, a refusal and
 * a bad answer say that it is there.
 */
export function createCircuitBreakers({ failures, openMs, now }: CircuitBreakersOptions): CircuitBreakers {
  const circuits = new Map<string, ReturnType<typeof createCircuit>>();

  function createCircuit(events: CircuitEvents | undefined) {
    const circuit = {
      openedAt: 0,
      policy: circuitBreaker(handleWhen(isAway), {
        breaker: new ConsecutiveBreaker(failures),
        halfOpenAfter: openMs,
      }),
    };
    circuit.policy.onBreak((reason) => {
      circuit.openedAt = now().getTime();
      if ('error' in reason && reason.error instanceof ProviderFailure) events?.onOpen(reason.error);
    });
    circuit.policy.onReset(() => events?.onClose());
    return circuit;
  }

  function circuitOf(key: string, events: CircuitEvents | undefined) {
    const circuit = circuits.get(key) ?? createCircuit(events);
    circuits.delete(key);
    circuits.set(key, circuit); // moves to the young end
    if (circuits.size > maxCircuits) circuits.delete(circuits.keys().next().value ?? '');
    return circuit;
  }

  return {
    guard: (key, provider, events) => ({
      ...provider,
      async *ask(call, signal) {
        const circuit = circuitOf(key, events);
        const { policy } = circuit;
        const isOpen = () => {
          const retryAfterMs = Math.max(0, circuit.openedAt + openMs - now().getTime());
          const message = 'Calls in a row found the provider away; it is left alone for a while.';
          return new ProviderFailure('PROVIDER_CIRCUIT_OPEN', message, { retryable: true, retryAfterMs });
        };
        // One call tries; the library would let the others wait for it.
        if (isTrying(policy)) throw isOpen();
        const admitted = Promise.withResolvers<void>();
        const outcome = Promise.withResolvers<void>();
        const watched = policy.execute(() => {
          admitted.resolve();
          return outcome.promise;
        });
        watched.catch((error: unknown) => admitted.reject(error));
        try {
          await admitted.promise;
        } catch (error) {
          if (error instanceof BrokenCircuitError) throw isOpen();
          throw error;
        }
        const tries = isTrying(policy);
        let settled = false;
        try {
          for await (const part of provider.ask(call, signal)) {
            // Before it is handed on: whoever has the end asks for no more.
            if (part.type === 'end') {
              settled = true;
              outcome.resolve();
            }
            yield part;
          }
          settled = true;
          outcome.resolve();
        } catch (error) {
          settled = true;
          outcome.reject(tries && signal.aborted ? away() : error);
          throw error;
        } finally {
          // Given up by the caller: that says nothing of the provider; a trying call has to say something.
          if (!settled) outcome.reject(tries ? away() : new Error('given up'));
          await watched.catch(() => undefined);
        }
      },
    }),
  };
}

/** One call tries whether the provider is back. */
const isTrying = ({ state }: { readonly state: CircuitState }) => state === CircuitState.HalfOpen;

const awayReasons: ReadonlySet<string> = new Set([
  'PROVIDER_UNAVAILABLE',
  'PROVIDER_TIMEOUT',
  'PROVIDER_ANSWER_INCOMPLETE',
]);

function isAway(error: unknown): boolean {
  return error instanceof ProviderFailure && awayReasons.has(error.reason);
}

const away = () => new ProviderFailure('PROVIDER_UNAVAILABLE', 'The trying call was given up.', { retryable: true });
