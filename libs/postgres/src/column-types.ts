import type { ColumnType } from 'kysely';

/** A `jsonb` value as read. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Written as text (`JSON.stringify`): the driver would take an array for a Postgres array. */
export type Json = ColumnType<JsonValue, string, string>;

export type Int8 = ColumnType<bigint, bigint | number, bigint | number>;

/** Read as text, for it can be larger and finer than a JavaScript number. */
export type Numeric = ColumnType<string, string | number, string | number>;

export type Timestamp = ColumnType<Date, Date | string, Date | string>;

export type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;

/** A column with a default. Unlike Kysely's, it keeps what a `ColumnType` says about reading and writing. */
export type Generated<T> =
  T extends ColumnType<infer Select, infer Insert, infer Update>
    ? ColumnType<Select, Insert | undefined, Update>
    : ColumnType<T, T | undefined, T>;

/** A column that only the database writes. */
export type GeneratedAlways<T> =
  T extends ColumnType<infer Select, unknown, unknown> ? ColumnType<Select, never, never> : ColumnType<T, never, never>;
