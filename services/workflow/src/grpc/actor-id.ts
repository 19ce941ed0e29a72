import { AppError } from '@flotilla/errors';
import type { Call } from '@flotilla/grpc';

/** The user who calls. Workflows and runs belong to users; a service acts by a grant of one. */
export function actorId({ principal }: Call): string {
  if (principal.userId === undefined) {
    throw new AppError(
      'permission_denied',
      'USER_NEEDED',
      'Only a user can do this, or a service with a user’s grant.',
    );
  }
  return principal.userId;
}
