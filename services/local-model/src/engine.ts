import { availableParallelism } from 'node:os';
import {
  type ChatHistoryItem,
  getLlama,
  type Llama,
  LlamaChat,
  type LlamaGrammar,
  LlamaLogLevel,
  type Token,
} from 'node-llama-cpp';
import type { ModelConfig } from './config.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface Question {
  readonly messages: readonly ChatMessage[];
  /** A JSON Schema that the answer is forced to fit by grammar. */
  readonly schema?: object | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
}

export interface Answer {
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** A question that is ready to run: its grammar is built and it fits. */
export interface PreparedQuestion {
  answer(signal: AbortSignal, onText: (text: string) => void): Promise<Answer>;
}

export interface Engine {
  readonly modelName: string;
  /** Refuses what the model cannot do ({@link QuestionRefused}) before it takes a place in the queue. */
  prepare(question: Question): Promise<PreparedQuestion>;
  close(): Promise<void>;
}

export class QuestionRefused extends Error {
  /** OpenAI's word for it. */
  readonly reason: string;
  readonly param: string;
  constructor(reason: string, param: string, message: string) {
    super(message);
    this.reason = reason;
    this.param = param;
  }
}

/** Answers shorter than this are not worth a truncated context. */
const leastAnswerTokens = 16;
const maxSchemaBytes = 64 * 1024;

/** Loads the model; one sequence, so one answer at a time. */
export async function createEngine(config: ModelConfig, log: (message: string) => void): Promise<Engine> {
  const threads = Math.min(config.threads, availableParallelism());
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
    logger: (_level, message) => log(message.trim()),
  });
  const model = await llama.loadModel({ modelPath: config.path });
  const context = await model.createContext({ contextSize: config.contextTokens, threads });
  const chat = new LlamaChat({ contextSequence: context.getSequence() });

  const isWord = new Map<Token, boolean>();
  /** Small models go round in circles where repeating costs nothing; numbers and the signs of JSON have to be repeated. */
  function wordsOf(tokens: Token[]): Token[] {
    return tokens.filter((token) => {
      const known = isWord.get(token) ?? /\p{L}/u.test(model.detokenize([token]));
      isWord.set(token, known);
      return known;
    });
  }

  return {
    modelName: config.name,
    async prepare(question) {
      const grammar = question.schema && (await grammarOf(llama, question.schema));
      const history = [...question.messages.map(toHistoryItem), { type: 'model' as const, response: [] }];
      const { contextText } = chat.chatWrapper.generateContextState({ chatHistory: history });
      const promptTokens = contextText.tokenize(model.tokenizer).length;
      const room = config.contextTokens - promptTokens;
      if (room < leastAnswerTokens) {
        throw new QuestionRefused(
          'context_length_exceeded',
          'messages',
          `The model's context is ${config.contextTokens} tokens; the messages take ${promptTokens}.`,
        );
      }
      return {
        async answer(signal, onText) {
          let completionTokens = 0;
          const { response, metadata } = await chat.generateResponse(history, {
            signal,
            maxTokens: Math.min(question.maxTokens ?? config.maxTokens, room - 1),
            temperature: question.temperature ?? 0,
            repeatPenalty: { lastTokens: 128, penalty: 1.15, punishTokensFilter: wordsOf },
            ...(question.topP === undefined ? {} : { topP: question.topP }),
            ...(question.seed === undefined ? {} : { seed: question.seed }),
            ...(grammar === undefined ? {} : { grammar }),
            onTextChunk: onText,
            onToken: (tokens) => {
              completionTokens += tokens.length;
            },
          });
          return {
            text: response,
            finishReason: metadata.stopReason === 'maxTokens' ? 'length' : 'stop',
            promptTokens,
            completionTokens,
          };
        },
      };
    },
    async close() {
      chat.dispose();
      await llama.dispose();
    },
  };
}

function toHistoryItem({ role, content }: ChatMessage): ChatHistoryItem {
  if (role === 'assistant') return { type: 'model', response: [content] };
  return { type: role, text: content };
}

async function grammarOf(llama: Llama, schema: object): Promise<LlamaGrammar> {
  if (JSON.stringify(schema).length > maxSchemaBytes) {
    throw new QuestionRefused(
      'invalid_schema',
      'response_format',
      `A schema has at most ${maxSchemaBytes} characters.`,
    );
  }
  try {
    // Whatever the grammar's builder does not know it says itself, by throwing.
    return await llama.createGrammarForJsonSchema(schema as Parameters<Llama['createGrammarForJsonSchema']>[0]);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new QuestionRefused('invalid_schema', 'response_format', `The schema is not supported: ${why.slice(0, 300)}`);
  }
}
