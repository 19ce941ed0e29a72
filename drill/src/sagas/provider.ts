import { setTimeout as delay } from 'node:timers/promises';
import { type ModelScript, modelReplies } from '@flotilla/testing';
import type { Dice } from '../dice.ts';

/** A request that reached the provider, and what the provider charges for it. */
export interface Charged {
  /** Each agent of the drill has a model of its own name. */
  readonly model: string;
  tokens: number;
  /** It was answered to the end, whether or not the answer arrived. */
  answered: boolean;
}

/** A prompt with this word is refused for good. */
export const refusalWord = 'REFUSE';

/** What a call comes to. */
export const tokensOfAnswer = { prompt: 40, completion: 20 } as const;
const answerTokens = tokensOfAnswer.prompt + tokensOfAnswer.completion;

/** The far side of llm-agent: slow, now and then out of order or cut off, and with a bill of its own. */
export function createProvider(dice: Dice): { readonly script: ModelScript; readonly bill: readonly Charged[] } {
  const bill: Charged[] = [];
  return {
    bill,
    async script({ model, messages }) {
      const line: Charged = { model, tokens: 0, answered: false };
      bill.push(line);
      if (messages.some(({ content }) => content.includes(refusalWord))) return modelReplies.failure(400);
      const fate = dice.whole(1, 100);
      await delay(dice.whole(50, 900));
      if (fate <= 4) return modelReplies.failure(503);
      if (fate <= 8) {
        line.tokens = tokensOfAnswer.prompt + 2;
        return modelReplies.broken();
      }
      line.tokens = answerTokens;
      line.answered = true;
      const { prompt: promptTokens, completion: completionTokens } = tokensOfAnswer;
      return { kind: 'answer', text: 'All is well.', promptTokens, completionTokens };
    },
  };
}
