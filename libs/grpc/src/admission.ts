import type { DescMethod } from '@bufbuild/protobuf';
import { type MethodRules, methodRules } from '@flotilla/contracts';
import { AppError } from '@flotilla/errors';
import type { Metadata } from '@grpc/grpc-js';
import { anonymous, type Principal, type PrincipalVerifier } from './call.ts';

/** Who calls and with which token, once the contract's rules let them. */
export interface Admitted {
  readonly principal: Principal;
  readonly token: string;
}

/**
 * Answers whether a caller may call: nobody need be known for a public method; an internal one is for services; the
 * others ask for their permission. `seen` hears who it is before that is decided, so that a denial can name them.
 */
export async function admit(
  method: DescMethod,
  metadata: Metadata,
  verify: PrincipalVerifier,
  seen: (principal: Principal) => void,
): Promise<Admitted> {
  const rules = methodRules(method);
  if (rules.public) return { principal: anonymous, token: '' };
  const token = bearerToken(metadata);
  const principal = await verify(token);
  seen(principal);
  checkRules(rules, principal);
  return { principal, token };
}

function checkRules(rules: MethodRules, principal: Principal): void {
  if (rules.internal) {
    if (principal.actor.type === 'service') return;
    throw new AppError('permission_denied', 'INTERNAL_METHOD', 'Only services of the fleet may call this.');
  }
  // A method without a rule is closed to everyone.
  if (rules.permission === undefined || !principal.permissions.has(rules.permission)) {
    throw new AppError('permission_denied', 'PERMISSION_DENIED', `This needs the permission ${rules.permission}.`);
  }
}

function bearerToken(metadata: Metadata): string {
  const values = metadata.get('authorization');
  const [value] = values;
  const token = typeof value === 'string' ? /^Bearer ([^\s]+)$/i.exec(value)?.[1] : undefined;
  if (values.length !== 1 || token === undefined) {
    throw new AppError('unauthenticated', 'TOKEN_MISSING', 'The call carries no bearer token.');
  }
  return token;
}
