/** What a call at a provider used. */
export interface Tokens {
  readonly promptTokens: number;
  /** Of the prompt's, those that the provider had in its cache. */
  readonly cachedPromptTokens: number;
  readonly completionTokens: number;
}

export const noTokens: Tokens = { promptTokens: 0, cachedPromptTokens: 0, completionTokens: 0 };
