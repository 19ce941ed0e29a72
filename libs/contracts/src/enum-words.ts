/** The words of an enum of the contract as services and databases write them: `AgentStatus.IN_USE` is `in_use`. */
export interface EnumWords<Word extends string, Value extends number> {
  /** `undefined` for UNSPECIFIED and for values that this version does not know. */
  wordOf(value: number): Word | undefined;
  valueOf(word: Word): Value;
}

/**
 * Ties the words of a domain to a generated enum. A word that the enum lacks does not compile.
 *
 * @example
 * const severityWords = enumWords(RuleSeverity, ['error', 'warning', 'info']);
 * severityWords.valueOf('error'); // RuleSeverity.ERROR
 */
export function enumWords<Word extends string, Values extends Readonly<Record<Uppercase<Word>, number>>>(
  values: Values,
  words: readonly Word[],
): EnumWords<Word, Values[Uppercase<Word>]> {
  const toValue = (word: Word): Values[Uppercase<Word>] => values[word.toUpperCase() as Uppercase<Word>];
  const byValue = new Map<number, Word>(words.map((word) => [toValue(word), word]));
  return { wordOf: (value) => byValue.get(value), valueOf: toValue };
}
