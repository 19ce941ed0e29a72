export {
  createEncryptionKeyring,
  type EncryptionKey,
  type EncryptionKeyring,
  type SecretSource,
  secretsOf,
} from './encryption-keyring.ts';
export { open, rewrap, type SealedPlace, seal } from './envelope.ts';
export { type KeySource, type RemoteKeysOptions, remoteKeys, staticKeys } from './key-source.ts';
export { createKeyring, generateSigningKeys, type Keyring } from './keyring.ts';
export { hashSecret, newSecret, safeEqual } from './opaque-secret.ts';
export type { ActorType, Principal, PrincipalClaims, PrincipalVerifier } from './principal.ts';
export { type SignedPrincipal, type SigningOptions, signPrincipal } from './sign-principal.ts';
export { createPrincipalVerifier, type VerifierOptions } from './verify-principal.ts';
