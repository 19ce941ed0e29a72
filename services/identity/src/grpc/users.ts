import type { UserService } from '@flotilla/contracts/identity';
import type { ServiceImplementation } from '@flotilla/grpc';
import { pageSizeOf, pageToken, toPage } from '@flotilla/postgres';
import { createUser } from '../commands/create-user.ts';
import { deleteUser } from '../commands/delete-user.ts';
import { updateUser } from '../commands/update-user.ts';
import { listUsers } from '../db/user-repository.ts';
import { toRole, toUserMessage, toUserStatus } from '../messages/user-message.ts';
import { getUser } from '../queries/get-user.ts';
import type { Surroundings } from '../surroundings.ts';

export function users(surroundings: Surroundings): ServiceImplementation<typeof UserService> {
  const { db, now } = surroundings;
  return {
    getUser: ({ id }, call) => db.read(call, async (tx) => toUserMessage(await getUser(tx, id))),
    listUsers: (request, call) =>
      db.read(call, async (tx) => {
        const size = pageSizeOf(request.pageSize);
        const cursor = pageToken.decode(request.pageToken);
        const found = await listUsers(tx, { status: toUserStatus(request.status), cursor, limit: size + 1 });
        const { rows, nextPageToken } = toPage(found, size);
        return { users: rows.map(toUserMessage), nextPageToken };
      }),
    createUser: (request, call) =>
      createUser(surroundings, call, {
        email: request.email,
        password: request.password,
        username: request.username,
        firstName: request.firstName,
        lastName: request.lastName,
        role: toRole(request.role) ?? 'member',
      }),
    updateUser: ({ id, etag, username, firstName, lastName, status, role }, call) =>
      db.write(call, async (tx) => {
        const change = { username, firstName, lastName, status: toUserStatus(status), role: toRole(role) };
        return toUserMessage(await updateUser(surroundings, tx, call.principal, { id, change, etag }));
      }),
    deleteUser: ({ id, etag }, call) =>
      db.write(call, async (tx) => {
        await deleteUser(tx, id, etag, now());
        return {};
      }),
  };
}
