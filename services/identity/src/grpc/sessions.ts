import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { SessionService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { type Login, login } from '../commands/login.ts';
import { logout } from '../commands/logout.ts';
import { toUserMessage } from '../messages/user-message.ts';

export function sessions(surroundings: Login): ServiceImplementation<typeof SessionService> {
  return {
    async login(request, call) {
      const { sessionToken, expiresAt, user } = await login(surroundings, call, request);
      return { sessionToken, expireTime: timestampFromDate(expiresAt), user: toUserMessage(user) };
    },
    async logout({ sessionToken }, call) {
      await logout(surroundings, call, sessionToken);
      return {};
    },
  };
}
