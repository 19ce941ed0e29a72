import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Chance that falls the same way for the same seed. */
export interface Dice {
  /** A whole number from `least` to `most`, both possible. */
  whole(least: number, most: number): number;
  /** Whether something happens that does so `share` of the time, 0…1. */
  happens(share: number): boolean;
  /** Draws from a shuffled pack, which is shuffled anew when it is used up: each comes as often as it is in it. */
  pack<T>(of: readonly [T, ...T[]]): () => T;
}

export function createDice(seed: number): Dice {
  const generator = xoroshiro128plus(seed);
  const whole = (least: number, most: number) => uniformInt(generator, least, most);
  return {
    whole,
    happens: (share) => whole(0, 9_999) < share * 10_000,
    pack: (of) => {
      const left: (typeof of)[number][] = [];
      return () => {
        if (left.length === 0) left.push(...of);
        return left.splice(whole(0, left.length - 1), 1)[0] ?? of[0];
      };
    },
  };
}
