import type { ActionService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { recordActions } from '../commands/record-actions.ts';
import type { Surroundings } from '../surroundings.ts';

/** `operatorTenant` answers where actions go that concern no tenant. */
export function actions(
  { db }: Surroundings,
  operatorTenant: () => string,
): ServiceImplementation<typeof ActionService> {
  return {
    async recordAction(request, { principal, traceparent }) {
      const scope = { actor: principal.actor, traceparent };
      return { recorded: await recordActions(db, scope, operatorTenant(), request.actions) };
    },
  };
}
