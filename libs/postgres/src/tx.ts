import { type CompiledQuery, type KyselyProps, Transaction } from 'kysely';
import type { TransactionScope } from './scope.ts';
import type { Session } from './session.ts';

declare const writes: unique symbol;

/** A transaction that may only read. What takes a `ReadTx` can be used inside a command too. */
export class ReadTx<S> extends Transaction<S> {
  readonly scope: TransactionScope;
  protected readonly props: KyselyProps;

  constructor(props: KyselyProps, scope: TransactionScope) {
    super(props);
    this.props = props;
    this.scope = scope;
  }
}

/**
 * A transaction that may write. Made only by the database's own wrappers, so a repository that takes one cannot be
 * called outside of a transaction: the pool has no such type.
 */
export class Tx<S> extends ReadTx<S> {
  declare readonly [writes]: true;
  readonly #afterCommit: (() => void)[];
  readonly #session: Session;

  constructor(props: KyselyProps, scope: TransactionScope, session: Session, afterCommit: (() => void)[] = []) {
    super(props, scope);
    this.#session = session;
    this.#afterCommit = afterCommit;
  }

  /**
   * Has something done once the transaction is committed, for example telling others of it. Lost when the process dies in
   * between, so it must be made good by somebody who looks again.
   */
  afterCommit(work: () => void): void {
    this.#afterCommit.push(work);
  }

  /** Called by whoever committed. */
  committed(): void {
    for (const work of this.#afterCommit.splice(0)) work();
  }

  /**
   * Sends a statement whose answer the command does not need: it travels with what follows it, the commit at the latest,
   * and is executed in this order. When the database refuses it, the transaction fails with that error.
   *
   * @example
   * tx.send(tx.insertInto('loans').values(toRow(loan)).compile());
   */
  send(query: CompiledQuery, toError?: (error: unknown) => unknown): void {
    this.#session.send({ text: query.sql, values: query.parameters }, toError);
  }

  /**
   * Like {@link send}, but answers the rows. Whoever awaits them after the transaction waits for no round trip of their
   * own. When the transaction fails, so does the answer; nobody has to look at it.
   *
   * @example
   * const taken = tx.ask(sql<{ left: number }>`select left from take_seat(${id})`.compile(tx));
   */
  ask<Row>(query: CompiledQuery<Row>, toError?: (error: unknown) => unknown): Promise<readonly Row[]> {
    const rows = this.#session
      .ask({ text: query.sql, values: query.parameters }, toError)
      .then((result) => result.rows as Row[]);
    rows.catch(() => undefined);
    return rows;
  }

  /** The same transaction for another call of the same caller: what it announces belongs to that call's trace. */
  inTrace(traceparent: string | undefined): Tx<S> {
    return this.#with({ traceparent });
  }

  /** The same transaction, on behalf of what this many events led to: what it announces carries that. */
  causedBy(causationDepth: number): Tx<S> {
    return this.#with({ causationDepth });
  }

  #with(change: Partial<TransactionScope>): Tx<S> {
    return new Tx<S>(this.props, { ...this.scope, ...change }, this.#session, this.#afterCommit);
  }
}
