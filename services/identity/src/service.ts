import { permissions } from '@flotilla/contracts';
import {
  ActionService,
  ApiKeyService,
  GrantService,
  SessionService,
  TenantService,
  TokenService,
  UserService,
} from '@flotilla/contracts/identity';
import { implement } from '@flotilla/grpc';
import type { Logger } from '@flotilla/observability';
import { newId } from '@flotilla/postgres';
import { createKeyring, createPrincipalVerifier, staticKeys } from '@flotilla/secrets';
import { createServiceKit, type Service, type ServiceKit } from '@flotilla/service';
import { bootstrap } from './commands/bootstrap.ts';
import { recordActions } from './commands/record-actions.ts';
import type { Config } from './config.ts';
import { createKeyUse } from './credentials/key-use.ts';
import { createPasswordHasher } from './credentials/password-hasher.ts';
import { createServiceCheck } from './credentials/service-credentials.ts';
import { conflicts } from './db/conflicts.ts';
import type { Schema } from './db/schema.ts';
import { actions } from './grpc/actions.ts';
import { apiKeys } from './grpc/api-keys.ts';
import { grants } from './grpc/grants.ts';
import { sessions } from './grpc/sessions.ts';
import { tenants } from './grpc/tenants.ts';
import { tokens } from './grpc/tokens.ts';
import { users } from './grpc/users.ts';
import { createHousekeeping } from './housekeeping.ts';

/** What tests replace. */
export interface Overrides {
  readonly now?: () => Date;
  readonly log?: Logger;
}

const identity = { type: 'service', id: 'identity' };

/** Builds the service; nothing connects or listens before it starts. */
export function createService(config: Config, { now = () => new Date(), log }: Overrides = {}): Service {
  const keyring = createKeyring(config.signingKeys);
  const verify = createPrincipalVerifier({ keys: staticKeys(keyring.publicJwks()), now });
  let operatorTenantId = '';
  const kit: ServiceKit<Schema> = createServiceKit(config, {
    name: 'identity',
    conflicts,
    verify,
    recordsItself: [SessionService.method.login],
    // Other services record by RPC; this one writes down what it refused itself.
    recordActions: (refused) => recordActions(kit.db, { actor: identity }, operatorTenantId, refused),
    ...(log && { log }),
  });
  const { db } = kit;
  const operatorTenant = () => operatorTenantId;
  const surroundings = { db, now, newId, keyring, permissions, hasher: createPasswordHasher() };
  const keyUse = createKeyUse(db, kit.log, now);
  const checkService = createServiceCheck(config.serviceCredentials);
  const { sessionTtlMs, lockout } = config;

  return kit.service({
    grpc: [
      implement(TenantService, tenants(surroundings)),
      implement(UserService, users(surroundings)),
      implement(ApiKeyService, apiKeys(surroundings)),
      implement(SessionService, sessions({ ...surroundings, sessionTtlMs, lockout, operatorTenant })),
      implement(TokenService, tokens({ ...surroundings, checkService, keyUse })),
      implement(GrantService, grants(surroundings, verify)),
      implement(ActionService, actions(surroundings, operatorTenant)),
    ],
    components: [
      {
        name: 'bootstrap',
        phase: 'transport',
        start: async () => {
          operatorTenantId = await bootstrap(surroundings, config.bootstrap);
        },
      },
      { name: 'key-use', phase: 'work', stop: () => keyUse.stop() },
      createHousekeeping(db, kit.log, now),
    ],
  });
}
