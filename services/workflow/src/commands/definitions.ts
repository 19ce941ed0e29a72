import type { ReadTx } from '@flotilla/postgres';
import type { Schema } from '../db/schema.ts';
import { findVersion } from '../db/workflow-repository.ts';
import type { Definition } from '../domain/definition.ts';
import type { JsonValue } from '../domain/json.ts';
import type { ReadDefinition } from '../domain/read-definition.ts';

/** Compiled definitions of activated versions. A version never changes, so it is compiled once. */
export interface Definitions {
  read(json: JsonValue): ReadDefinition;
  ofVersion(tx: ReadTx<Schema>, workflowId: string, version: number): Promise<Definition>;
  /** What a run of the workflow was last made of in this process: as a guess at what the next one will be made of. */
  lastOf(tenantId: string, workflowId: string): Definition | undefined;
  /** Remembers that for the next one. */
  remember(tenantId: string, workflowId: string, definition: Definition): void;
}

const kept = 200;

export function createDefinitions(read: (json: JsonValue) => ReadDefinition): Definitions {
  const compiled = new Map<string, Definition>();
  const last = new Map<string, Definition>();
  return {
    read,
    lastOf: (tenantId, workflowId) => last.get(`${tenantId} ${workflowId}`),
    remember(tenantId, workflowId, definition) {
      last.set(`${tenantId} ${workflowId}`, definition);
      if (last.size > kept) last.delete(last.keys().next().value ?? '');
    },
    async ofVersion(tx, workflowId, version) {
      const key = `${tx.scope.tenantId} ${workflowId} ${version}`;
      const known = compiled.get(key);
      if (known !== undefined) return known;
      const json = await findVersion(tx, workflowId, version);
      const definition = json === undefined ? undefined : read(json).definition;
      if (definition === undefined) throw new Error(`Version ${version} of workflow ${workflowId} cannot be read.`);
      compiled.set(key, definition);
      if (compiled.size > kept) compiled.delete(compiled.keys().next().value ?? '');
      return definition;
    },
  };
}
