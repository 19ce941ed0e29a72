import pg, { type Connection, type QueryResult } from 'pg';

/** A statement of a batch. */
export interface BatchedStatement {
  readonly text: string;
  /** Under which the connection keeps it parsed. */
  readonly name: string | undefined;
  /** As the protocol carries them. */
  readonly values: readonly (string | Buffer | null)[];
  /** Whether somebody looks at the rows. */
  readonly wantsRows: boolean;
  readonly resolve: (result: QueryResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What @types/pg leaves out of a connection, of a result, and of the package. */
interface Wire {
  readonly parsedStatements: Record<string, string | undefined>;
  readonly submittedNamedStatements: Record<string, string | undefined>;
  readonly stream: { cork(): void; uncork(): void };
  parse(statement: { readonly text: string; readonly name: string | undefined }): void;
  bind(values: { readonly statement: string | undefined; readonly values: BatchedStatement['values'] }): void;
  describe(portal: { readonly type: 'P' }): void;
  execute(): void;
  sync(): void;
}
interface Answer extends QueryResult {
  _types: unknown;
  addFields(fields: readonly unknown[]): void;
  parseRow(values: readonly unknown[]): unknown;
  addRow(row: unknown): void;
  addCommandComplete(message: unknown): void;
}
const { Result, utils } = pg as unknown as {
  readonly Result: new () => Answer;
  readonly utils: { prepareValue(value: unknown): string | Buffer | null };
};

/** @throws where a value has no text, for example a circular object */
export const toWire = (values: readonly unknown[] = []): BatchedStatement['values'] => values.map(utils.prepareValue);

/**
 * Several statements of one transaction that are answered together: one message out, one message back. By itself pg ends each
 * statement with a Sync, and the server sends its answer by itself after each, which wakes both processes as often.
 * After a statement that fails, the server skips the others.
 */
export class Batch extends pg.Query {
  readonly #statements: readonly BatchedStatement[];
  readonly #answers: Answer[] = [];
  /** Of the statement that is being answered. */
  #answer: Answer | undefined;
  #unreadable: unknown;
  /** Read by pg when the batch is sent; where the time is over, it fails the batch and closes the connection. */
  readonly query_timeout: number | undefined;
  /** Given by pg to whatever it watches the time of. */
  declare callback: ((error: unknown) => void) | undefined;
  /** Lent by pg, for the parsers of its client. */
  declare readonly _result: { readonly _types: unknown };

  constructor(statements: readonly BatchedStatement[], timeoutMs: number | undefined) {
    super('');
    this.#statements = statements;
    this.query_timeout = timeoutMs;
  }

  override submit = (connection: Connection): void => {
    const wire = connection as unknown as Wire;
    wire.stream.cork();
    for (const { text, name, values, wantsRows } of this.#statements) {
      if (name === undefined || !isParsed(wire, name)) wire.parse({ text, name });
      if (name !== undefined && !isParsed(wire, name)) wire.submittedNamedStatements[name] = text;
      wire.bind({ statement: name, values });
      if (wantsRows) wire.describe({ type: 'P' });
      wire.execute();
    }
    wire.sync();
    wire.stream.uncork();
  };

  get #current(): BatchedStatement | undefined {
    return this.#statements[this.#answers.length];
  }

  /** pg asks for it when a statement was parsed, or was refused: it is the one that is answered at this moment. */
  get name(): string | undefined {
    return this.#current?.name;
  }

  set name(_: string | undefined) {
    // The base class sets it.
  }

  get text(): string {
    return this.#current?.text ?? '';
  }

  set text(_: string) {
    // The base class sets it.
  }

  handleRowDescription({ fields }: { readonly fields: readonly unknown[] }): void {
    this.#answer = new Result();
    this.#answer._types = this._result._types;
    this.#answer.addFields(fields);
  }

  handleDataRow({ fields }: { readonly fields: readonly unknown[] }): void {
    if (this.#answer === undefined) return;
    try {
      this.#answer.addRow(this.#answer.parseRow(fields));
    } catch (error) {
      this.#unreadable ??= error;
    }
  }

  handleCommandComplete(message: unknown): void {
    const answer = this.#answer ?? new Result();
    answer.addCommandComplete(message);
    this.#answers.push(answer);
    this.#answer = undefined;
  }

  handleEmptyQuery(): void {
    this.#answers.push(new Result());
  }

  handleReadyForQuery(connection: Connection): void {
    if (this.#unreadable === undefined) {
      this.callback?.(null);
      this.#settle(undefined, undefined);
    } else {
      this.handleError(this.#unreadable, connection);
    }
  }

  /** Also called when the connection breaks, or does not answer in time. */
  handleError(error: unknown, connection: Connection): void {
    this.callback?.(error);
    const { submittedNamedStatements } = connection as unknown as Wire;
    for (const { name } of this.#statements.slice(this.#answers.length)) {
      if (name !== undefined) delete submittedNamedStatements[name];
    }
    const isOfStatement = error instanceof Error && 'severity' in error;
    this.#settle(error, isOfStatement ? skipped() : error);
  }

  #settle(error: unknown, ofOthers: unknown): void {
    for (const [index, { resolve, reject }] of this.#statements.entries()) {
      const answer = this.#answers[index];
      if (answer !== undefined && this.#unreadable === undefined) resolve(answer);
      else reject(index === this.#answers.length || this.#unreadable !== undefined ? error : ofOthers);
    }
  }
}

function isParsed({ parsedStatements, submittedNamedStatements }: Wire, name: string): boolean {
  return parsedStatements[name] !== undefined || submittedNamedStatements[name] !== undefined;
}

/** What the server says to a statement in a transaction that has failed. */
function skipped(): Error {
  const message = 'current transaction is aborted, commands ignored until end of transaction block';
  return Object.assign(new Error(message), { severity: 'ERROR', code: '25P02' });
}
