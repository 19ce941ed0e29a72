/** Now, in milliseconds since 1970 with fractions: comparable between the processes of one machine. */
export function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

/** When something happened to each record, by its id. */
export type Stamps = readonly (readonly [id: string, at: number])[];
