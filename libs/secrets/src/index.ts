export { type KeySource, type RemoteKeysOptions, remoteKeys, staticKeys } from './key-source.ts';
export { createKeyring, generateSigningKeys, type Keyring } from './keyring.ts';
export { hashSecret, newSecret, safeEqual } from './opaque-secret.ts';
export type { ActorType, Principal, PrincipalClaims, PrincipalVerifier } from './principal.ts';
export { type SignedPrincipal, type SigningOptions, signPrincipal } from './sign-principal.ts';
export { createPrincipalVerifier, type VerifierOptions } from './verify-principal.ts';
