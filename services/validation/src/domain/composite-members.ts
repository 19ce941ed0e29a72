import { AppError } from '@flotilla/errors';
import type { NewRule, Rule } from './rule.ts';
import { parseConfiguration } from './rule-configuration.ts';

/** Composites inside composites. */
const maxDepth = 5;
/** Rules that one rule may stand on, at any depth; each is run once per text. */
const maxReach = 200;

/** The rules that a rule names directly; none for all but composites. */
export function membersOf(rule: Pick<Rule, 'ruleType' | 'configuration'>): readonly string[] {
  if (rule.ruleType !== 'composite') return [];
  const configuration = parseConfiguration(rule.ruleType, rule.configuration);
  return configuration.kind === 'composite' ? configuration.rules.map(({ ruleId }) => ruleId) : [];
}

/** Refuses a composite that names a missing rule, stands on itself, or goes too deep. `known` holds all rules within its reach. */
export function checkMembers(rule: NewRule, known: ReadonlyMap<string, Rule>): void {
  const path: string[] = [];
  const done = new Map<string, number>();

  function depthBelow(current: NewRule): number {
    if (path.includes(current.id)) {
      const names = [...path.slice(path.indexOf(current.id)), current.id].map((id) => nameOf(id));
      throw refusal('RULE_CYCLE', `The rule would stand on itself: ${names.join(' → ')}.`);
    }
    const finished = done.get(current.id);
    if (finished !== undefined) return finished;
    path.push(current.id);
    let depth = 0;
    for (const id of membersOf(current)) {
      const member = id === rule.id ? rule : known.get(id);
      if (member === undefined) throw refusal('RULE_MEMBER_NOT_FOUND', `There is no rule ${id}.`);
      depth = Math.max(depth, 1 + depthBelow(member));
    }
    path.pop();
    done.set(current.id, depth);
    return depth;
  }

  function nameOf(id: string): string {
    return id === rule.id ? rule.name : (known.get(id)?.name ?? id);
  }

  if (depthBelow(rule) > maxDepth) {
    throw refusal('RULE_TOO_DEEP', `Composites stand inside each other at most ${maxDepth} deep.`);
  }
  if (done.size > maxReach) throw refusal('RULE_TOO_LARGE', `A rule stands on at most ${maxReach} others.`);
}

function refusal(reason: 'RULE_CYCLE' | 'RULE_MEMBER_NOT_FOUND' | 'RULE_TOO_DEEP' | 'RULE_TOO_LARGE', message: string) {
  return new AppError('invalid_argument', reason, message, {
    violations: [{ field: 'configuration.rules', reason, message }],
  });
}
