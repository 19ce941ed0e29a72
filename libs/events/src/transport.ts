/** A record on its way to a topic. */
export interface OutgoingRecord {
  readonly topic: string;
  /** Records of one key keep their order. */
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record as a topic holds it. */
export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a handler needs while it works through records. */
export interface SubscriptionControl {
  /** Aborted when the handler should return what it has done so far: shutdown, or the partition went to another member. */
  readonly signal: AbortSignal;
  /** Keeps the membership while a record takes long or is tried again. Cheap; call it often. */
  heartbeat(): Promise<void>;
}

/** What a subscriber asks for. */
export interface SubscriptionOptions {
  /** Members of a group share the partitions of the topics. A new group begins with the oldest record. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Gets records of one partition in their order and answers how many of them are done; only those are committed. */
  readonly handle: (records: readonly IncomingRecord[], control: SubscriptionControl) => Promise<number>;
  /** At most so many records at once. */
  readonly maxRecords?: number | undefined;
  /**
   * For subscribers that are in no hurry: so long a rest after records came, so that those behind them come together
   * and many cost little. The first after a silence comes at once, by default each does.
   */
  readonly gatherMs?: number | undefined;
  /** Partitions worked on side by side. */
  readonly concurrency?: number | undefined;
}

/** A running subscription. It reconnects by itself. */
export interface Subscription {
  /** Resolves when the member has joined its group for the first time. */
  readonly joined: Promise<void>;
  /** Lets the handler finish what it holds, commits and leaves the group; gives up waiting after the grace. */
  stop(graceMs?: number): Promise<void>;
}

/** How far a group is behind, over its topics. */
export interface Lag {
  readonly records: bigint;
}

/** The broker, behind a port. One contract suite per adapter. */
export interface Transport {
  /**
   * Resolves when every record is acknowledged by all in-sync replicas. When it rejects, some may have arrived.
   * @throws AppError `unavailable BROKER_UNAVAILABLE`
   */
  publish(batch: readonly OutgoingRecord[]): Promise<void>;
  subscribe(options: SubscriptionOptions): Subscription;
  lag(group: string, topics: readonly string[]): Promise<Lag>;
  /** Fails when no broker answers. */
  ping(): Promise<void>;
  /** Stops what is still subscribed. */
  close(): Promise<void>;
}
