export interface ApiKey {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly keyPrefix: string;
  /** None: whatever the user may. */
  readonly scopes: readonly string[];
  readonly expiresAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
  readonly revokedAt: Date | undefined;
  readonly createdAt: Date;
  readonly revision: number;
}

export type ApiKeyState = 'active' | 'revoked' | 'expired';

/** Whether a key works now. */
export function stateOf({ revokedAt, expiresAt }: ApiKey, now: Date): ApiKeyState {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && expiresAt <= now ? 'expired' : 'active';
}
