/** What every variable says about itself. */
export interface Setting<T> {
  /** One sentence for the service's README. */
  readonly description: string;
  /** Taken when the variable is missing or empty. Without one the variable is required. */
  readonly default?: T;
}

interface Optional {
  readonly description: string;
  /** The answer is `undefined` when the variable is missing or empty. */
  readonly optional: true;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/**
 * Reads typed values by name. A service's `config.ts` is one function over a reader, so that the same lines parse
 * the environment and describe it for the README.
 */
export interface EnvironmentReader {
  text(name: string, setting: Optional): string | undefined;
  text(name: string, setting: Setting<string>): string;
  /** A whole number; 0 and above unless `min` says otherwise. */
  integer(name: string, setting: Setting<number> & Range): number;
  number(name: string, setting: Setting<number> & Range): number;
  /** `true` or `false`, nothing else. */
  boolean(name: string, setting: Setting<boolean>): boolean;
  oneOf<const T extends string>(name: string, setting: Setting<NoInfer<T>> & { readonly values: readonly T[] }): T;
  /** An absolute URL; its value is never shown in a problem, for it may hold a password. */
  url(name: string, setting: Optional & { readonly protocols?: readonly string[] }): string | undefined;
  url(name: string, setting: Setting<string> & { readonly protocols?: readonly string[] }): string;
  /** Never shown: neither in problems nor in tables. */
  secret(name: string, setting: Optional): string | undefined;
  secret(name: string, setting: Setting<string> & { readonly minLength?: number }): string;
  /** Values parted by commas; where `values` are given, those only. */
  list<const T extends string = string>(
    name: string,
    setting: Setting<readonly NoInfer<T>[]> & { readonly values?: readonly T[] },
  ): readonly T[];
}
