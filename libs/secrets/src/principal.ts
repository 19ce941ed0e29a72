/** Who can act. Tokens are only signed for users and services. */
export type ActorType = 'user' | 'service' | 'system' | 'anonymous';

/** Who calls, as a verified token says. */
export interface Principal {
  /** Empty for a service that acts on no tenant's data, and for nobody. */
  readonly tenantId: string;
  readonly userId?: string;
  readonly serviceName?: string;
  readonly actor: { readonly type: ActorType; readonly id: string };
  readonly permissions: ReadonlySet<string>;
  readonly tokenId: string;
  readonly expiresAt: Date;
  /** Belongs to the tenant that runs the installation. */
  readonly operator: boolean;
}

/** What a token says about its bearer. Either a user or a service. */
export interface PrincipalClaims {
  readonly tenantId: string;
  readonly userId?: string;
  readonly serviceName?: string;
  readonly permissions: readonly string[];
  readonly operator: boolean;
}

/** Answers who a bearer token stands for, or throws `unauthenticated`. */
export type PrincipalVerifier = (token: string) => Promise<Principal>;

/** The issuer that the fleet's tokens carry. */
export const defaultIssuer = 'flotilla-identity';
/** The audience that the fleet's tokens carry. */
export const defaultAudience = 'flotilla';
