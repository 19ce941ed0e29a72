import { isObject, type JsonObject, type JsonValue, pointerPart } from './json.ts';

/** One difference between two definitions. */
export interface DefinitionChange {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Into the later one; for what was removed into the earlier one. */
  readonly pointer: string;
  /** The step that it belongs to. */
  readonly stepId: string | undefined;
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
}

/** What became of steps, and all that differs. */
export interface Comparison {
  readonly addedSteps: readonly string[];
  readonly removedSteps: readonly string[];
  readonly changedSteps: readonly string[];
  readonly changes: readonly DefinitionChange[];
}

const MAX_CHANGES = 1_000;

/** Steps are known by their ids: one that only moved within its list has not changed. */
export function compareDefinitions(before: JsonObject, after: JsonObject): Comparison {
  const changes: DefinitionChange[] = [];

  function compare(was: JsonValue, is: JsonValue, at: Place): void {
    if (isObject(was) && isObject(is)) compareFields(was, is, at);
    else if (isStepList(was) && isStepList(is)) compareSteps(was, is, at);
    else if (JSON.stringify(was) !== JSON.stringify(is)) {
      changes.push({ kind: 'changed', pointer: at.after, stepId: at.stepId, before: was, after: is });
    }
  }

  function compareFields(was: JsonObject, is: JsonObject, at: Place): void {
    for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const part = `/${pointerPart(name)}`;
      visit(was[name], is[name], { ...at, before: at.before + part, after: at.after + part });
    }
  }

  function compareSteps(was: readonly JsonObject[], is: readonly JsonObject[], at: Place): void {
    const ids = new Set([...was, ...is].map(({ id }) => String(id)));
    for (const stepId of ids) {
      const from = was.findIndex(({ id }) => id === stepId);
      const to = is.findIndex(({ id }) => id === stepId);
      visit(was[from], is[to], { before: `${at.before}/${from}`, after: `${at.after}/${to}`, stepId });
    }
  }

  function visit(was: JsonValue | undefined, is: JsonValue | undefined, at: Place): void {
    const { stepId } = at;
    if (was === undefined) changes.push({ kind: 'added', pointer: at.after, stepId, before: was, after: is });
    else if (is === undefined) changes.push({ kind: 'removed', pointer: at.before, stepId, before: was, after: is });
    else compare(was, is, at);
  }

  compare(before, after, { before: '', after: '', stepId: undefined });
  const [earlier, later] = [stepIdsOf(before), stepIdsOf(after)];
  const touched = new Set(changes.flatMap(({ stepId }) => (stepId === undefined ? [] : [stepId])));
  return {
    addedSteps: [...later].filter((id) => !earlier.has(id)),
    removedSteps: [...earlier].filter((id) => !later.has(id)),
    changedSteps: [...later].filter((id) => earlier.has(id) && touched.has(id)),
    changes: changes.slice(0, MAX_CHANGES),
  };
}

interface Place {
  readonly before: string;
  readonly after: string;
  readonly stepId: string | undefined;
}

/** A list whose items all have ids of their own. */
function isStepList(value: JsonValue): value is JsonObject[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  const ids = value.map((item) => (isObject(item) && typeof item['id'] === 'string' ? item['id'] : undefined));
  return !ids.includes(undefined) && new Set(ids).size === ids.length;
}

function stepIdsOf(value: JsonValue, found = new Set<string>()): Set<string> {
  if (isStepList(value)) for (const { id } of value) found.add(String(id));
  for (const inner of Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [])
    stepIdsOf(inner, found);
  return found;
}
