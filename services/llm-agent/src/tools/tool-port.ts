import type { TransactionScope } from '@flotilla/postgres';
import type { JsonObject } from '../domain/output-schema.ts';

/** What a model is told about a tool. */
export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of an object. */
  readonly parameters: JsonObject;
}

/** What a call came to. A failure is told to the model, which may try another way. */
export type ToolResult =
  | { readonly ok: true; readonly content: string }
  | { readonly ok: false; readonly reason: string; readonly content: string };

export interface ToolRequest {
  readonly scope: TransactionScope;
  readonly executionId: string;
  /** The same for the same call of the same execution: a call that comes twice has one effect. */
  readonly key: string;
  readonly name: string;
  readonly arguments: JsonObject;
}

/** Where tools are. Untrusted code runs behind it, never here. */
export interface ToolPort {
  /** What is known of these names; a tool that nobody knows is left out. */
  declare(scope: TransactionScope, names: readonly string[]): Promise<readonly ToolDeclaration[]>;
  /** Aborting ends the call. Rejects only when the port itself fails. */
  call(request: ToolRequest, signal: AbortSignal): Promise<ToolResult>;
}
