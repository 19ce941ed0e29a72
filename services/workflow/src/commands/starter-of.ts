import { methodRules } from '@flotilla/contracts';
import { InstanceService } from '@flotilla/contracts/workflow';
import { AppError, retryable, toAppError } from '@flotilla/errors';
import type { PrincipalVerifier } from '@flotilla/grpc';
import type { GrantFor } from '../work/gathered-grants.ts';
import type { Launching } from './launch-firing.ts';

/** What finding out whom a firing acts for needs from outside. */
export interface Impersonating {
  readonly tokenForGrant: (grantId: string) => Promise<string>;
  readonly verify: PrincipalVerifier;
  readonly grantFor: GrantFor;
}

/** Whoever set up a schedule or a trigger, as they are now, with a grant for the run: the run outlives what started it. */
export function createStarterOf(impersonating: Impersonating): Launching['starterOf'] {
  const { tokenForGrant, verify, grantFor } = impersonating;
  const { permission = '' } = methodRules(InstanceService.method.startInstance);
  return async ({ tenantId, grantId, firingId }) => {
    const token = await tokenForGrant(grantId).catch((failure: unknown) => {
      const error = toAppError(failure);
      throw retryable(error.code) ? error : revoked(error);
    });
    const principal = await verify(token);
    if (principal.userId === undefined || !principal.permissions.has(permission)) throw revoked();
    const grant = await grantFor({ tenantId, token }, `workflow_instances/${firingId}`);
    return { userId: principal.userId, actor: principal.actor, grantId: grant };
  };
}

function revoked(cause?: AppError): AppError {
  const message = 'Whoever set this up may not start runs any more.';
  return new AppError('permission_denied', 'GRANT_REVOKED', message, { cause });
}
