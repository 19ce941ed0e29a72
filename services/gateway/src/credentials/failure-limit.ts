/** Counts failed credentials per client address. */
export interface FailureLimit {
  /** How long the address has to wait; 0 when it does not. */
  blockedForMs(address: string): Promise<number>;
  record(address: string): Promise<void>;
}
