import { type KyselyProps, Transaction } from 'kysely';
import type { TransactionScope } from './scope.ts';

declare const writes: unique symbol;

/** A transaction that may only read. What takes a `ReadTx` can be used inside a command too. */
export class ReadTx<S> extends Transaction<S> {
  readonly scope: TransactionScope;

  constructor(props: KyselyProps, scope: TransactionScope) {
    super(props);
    this.scope = scope;
  }
}

/**
 * A transaction that may write. Made only by the database's own wrappers, so a repository that takes one cannot be
 * called outside of a transaction: the pool has no such type.
 */
export class Tx<S> extends ReadTx<S> {
  declare readonly [writes]: true;
}
