import { AppError } from '@flotilla/errors';

/** Whom a call goes to. */
export interface Route {
  readonly provider: string;
  readonly model: string;
}

/** How an agent's calls are routed. It is no part of its content: the ledger tells whom each call went to. */
export interface AgentRouting {
  /** In order, after the agent's own provider and model. */
  readonly fallbacks?: readonly Route[];
  /** Go on also when a provider refuses, or answers what is no answer. */
  readonly hopOnRefusal?: boolean;
  /** Answers to the same question are kept this long; undefined means not at all. */
  readonly cacheTtlMs?: number;
}

/** That an execution went on to another route, and why. */
export interface Hop {
  readonly from: Route;
  readonly to: Route;
  /** What the last call at `from` came to. */
  readonly reason: string;
}

/** The provider cannot serve for now: another one may. */
const passing = new Set([
  'PROVIDER_UNAVAILABLE',
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_ANSWER_INCOMPLETE',
  'PROVIDER_CIRCUIT_OPEN',
  'PROVIDER_INACTIVE',
]);
/** The provider says no, or nothing of use. */
const refusing = new Set([
  'PROVIDER_REFUSED',
  'PROVIDER_CREDENTIALS_REFUSED',
  'PROVIDER_ANSWER_INVALID',
  'PROVIDER_REDIRECTED',
  'PROVIDER_ADDRESS_PRIVATE',
  'PROVIDER_SECRET_UNREADABLE',
  'PROVIDER_UNKNOWN',
  'MODEL_NOT_OFFERED',
  'MODEL_INPUT_UNSUPPORTED',
  'OUTPUT_TOO_LARGE',
]);

/** The routes of an execution, one after the other. */
export interface Routes {
  readonly current: Route;
  /** After each call, with what it came to: goes on to the next route if that is one to go on for; tells whether it did. */
  hop(reason: string): boolean;
}

export function createRoutes(own: Route, { fallbacks = [], hopOnRefusal = false }: AgentRouting): Routes {
  let current = own;
  const left = [...fallbacks];
  return {
    get current() {
      return current;
    },
    hop(reason) {
      if (!passing.has(reason) && !(hopOnRefusal && refusing.has(reason))) return false;
      const next = left.shift();
      if (next === undefined) return false;
      current = next;
      return true;
    },
  };
}

/** The way that an execution went then, one route for each of its calls: a replay goes the same one. */
export function createRecordedRoutes(recorded: readonly [Route, ...Route[]]): Routes {
  let [current] = recorded;
  let asked = 0;
  return {
    get current() {
      return current;
    },
    hop(reason) {
      asked += 1;
      const next = recorded[asked];
      if (next === undefined || nameOf(next) === nameOf(current)) return false;
      current = next;
      return passing.has(reason) || refusing.has(reason);
    },
  };
}

/** Refuses a chain that names a provider nobody knows, or one route twice. */
export function checkRouting(own: Route, { fallbacks = [] }: AgentRouting, providers: ReadonlySet<string>): void {
  const seen = new Set([nameOf(own)]);
  for (const [index, route] of fallbacks.entries()) {
    const field = `routing.fallbacks[${index}]`;
    if (!providers.has(route.provider)) {
      throw invalid(field, 'PROVIDER_UNKNOWN', `There is no provider "${route.provider}".`);
    }
    if (seen.has(nameOf(route))) {
      throw invalid(field, 'FALLBACK_REPEATED', 'A fallback is another provider, or another model.');
    }
    seen.add(nameOf(route));
  }
}

const nameOf = ({ provider, model }: Route) => `${provider}/${model}`;

function invalid(field: string, reason: string, message: string): AppError {
  return new AppError('invalid_argument', reason, message, { violations: [{ field, reason, message }] });
}
