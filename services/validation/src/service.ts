import { RuleService, ScoringModelService, ValidationService } from '@flotilla/contracts/validation';
import { implement } from '@flotilla/grpc';
import { type Conflicts, newId } from '@flotilla/postgres';
import { createServiceKit, type KitOptions, type Service } from '@flotilla/service';
import type { Config } from './config.ts';
import type { Schema } from './db/schema.ts';
import { rules } from './grpc/rules.ts';
import { scoringModels } from './grpc/scoring-models.ts';
import { validations } from './grpc/validations.ts';

const conflicts: Conflicts = {
  validation_rules_name: ['already_exists', 'RULE_NAME_TAKEN', 'Another rule has this name.'],
  scoring_models_name: ['already_exists', 'SCORING_MODEL_NAME_TAKEN', 'Another scoring model has this name.'],
};

/** Builds the validation service. Nothing connects or listens before `start`. */
export function createService(config: Config, overrides: Partial<KitOptions> = {}): Service {
  const kit = createServiceKit<Schema>(config, { name: 'validation', conflicts, ...overrides });
  const making = { now: () => new Date(), newId };
  return kit.service({
    grpc: [
      implement(RuleService, rules(kit.db, making)),
      implement(ScoringModelService, scoringModels(kit.db, making)),
      implement(ValidationService, validations(kit.db, making)),
    ],
  });
}
