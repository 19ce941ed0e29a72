import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { UserRole, type UserSchema, UserStatus } from '@flotilla/contracts/identity';
import type { Role } from '../domain/role.ts';
import type { UserStatus as Status, User } from '../domain/user.ts';

const statuses = { active: UserStatus.ACTIVE, inactive: UserStatus.INACTIVE, suspended: UserStatus.SUSPENDED };
const roles = { admin: UserRole.ADMIN, member: UserRole.MEMBER };

export function toUserMessage(user: User): MessageInitShape<typeof UserSchema> {
  return {
    id: user.id,
    email: user.email,
    username: user.username,
    firstName: user.firstName,
    lastName: user.lastName,
    status: statuses[user.status],
    role: roles[user.role],
    emailVerified: user.emailVerified,
    ...(user.lastLoginAt && { lastLoginTime: timestampFromDate(user.lastLoginAt) }),
    createTime: timestampFromDate(user.createdAt),
    updateTime: timestampFromDate(user.updatedAt),
    etag: String(user.revision),
  };
}

/** Unspecified means any, or no change. */
export function toUserStatus(status: UserStatus | undefined): Status | undefined {
  switch (status) {
    case UserStatus.ACTIVE:
      return 'active';
    case UserStatus.INACTIVE:
      return 'inactive';
    case UserStatus.SUSPENDED:
      return 'suspended';
    default:
      return undefined;
  }
}

/** Unspecified means no change. */
export function toRole(role: UserRole | undefined): Role | undefined {
  switch (role) {
    case UserRole.ADMIN:
      return 'admin';
    case UserRole.MEMBER:
      return 'member';
    default:
      return undefined;
  }
}
