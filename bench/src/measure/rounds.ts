/** Things to compare, by name; each call of one is one measurement. */
export type Sides<Result> = Readonly<Record<string, (round: number) => Promise<Result>>>;

/**
 * Measures every side once in each round, next to each other in time, so that what else the machine does meets all of
 * them; the order turns with each round.
 */
export async function alternate<Result>(rounds: number, sides: Sides<Result>): Promise<Record<string, Result[]>> {
  const results: Record<string, Result[]> = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const order = Object.entries(sides);
    for (const [name, measure] of round % 2 === 0 ? order : order.reverse()) {
      results[name]?.push(await measure(round));
    }
  }
  return results;
}

/** One side's figure over the other's, round by round. */
export function ratios<Result>(
  results: Readonly<Record<string, readonly Result[]>>,
  [over, under]: readonly [string, string],
  figure: (result: Result) => number,
): number[] {
  return (results[over] ?? []).flatMap((result, round) => {
    const other = results[under]?.[round];
    return other === undefined ? [] : [figure(result) / figure(other)];
  });
}
