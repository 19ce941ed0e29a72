import { AppError } from '@flotilla/errors';
import { Liquid, LiquidError } from 'liquidjs';

/** Nothing that reads files, other templates or settings, and nothing whose result outgrows its input unnoticed. */
const tags = ['assign', 'for', 'break', 'continue', 'case', 'if', 'unless', 'comment', 'raw', 'echo', '#'];
const filters = [
  ...['upcase', 'downcase', 'capitalize', 'strip', 'lstrip', 'rstrip', 'strip_newlines', 'truncate', 'truncatewords'],
  ...['append', 'prepend', 'split', 'join', 'first', 'last', 'size', 'reverse', 'uniq', 'compact', 'default', 'escape'],
  ...['plus', 'minus', 'times', 'divided_by', 'modulo', 'round', 'floor', 'ceil', 'abs', 'at_least', 'at_most'],
];

const limits = { subject: 500, body: 100_000 } as const;

/** Writes texts of authors whom nobody has to trust: no file, no code, bounded time and memory. */
export interface TextWriter {
  /** The variables that the text uses, with the place of their first use. @throws AppError invalid_argument TEMPLATE_INVALID with the place of a mistake. */
  inspect(text: string): { name: string; line: number; column: number }[];
  /** @throws AppError invalid_argument TEMPLATE_FAILED when the text does not suit the values or does too much. */
  write(field: 'subject' | 'body', text: string, values: Readonly<Record<string, unknown>>): string;
}

export function createTextWriter(): TextWriter {
  const engine = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    lenientIf: true,
    dynamicPartials: false,
    templates: {},
    parseLimit: limits.body,
    renderLimit: 500,
    memoryLimit: 1_000_000,
  });
  for (const name of Object.keys(engine.tags)) if (!tags.includes(name)) delete engine.tags[name];
  for (const name of Object.keys(engine.filters)) if (!filters.includes(name)) delete engine.filters[name];

  return {
    inspect(text) {
      try {
        const { globals } = engine.parseAndAnalyzeSync(text, undefined, { partials: false });
        return Object.entries(globals).map(([name, [first]]) => ({
          name,
          line: first?.location.row ?? 1,
          column: first?.location.col ?? 1,
        }));
      } catch (error) {
        throw refusal('TEMPLATE_INVALID', error);
      }
    },
    write(field, text, values) {
      const written = render(engine, text, values);
      if (written.length > limits[field]) {
        const message = `The ${field} would be longer than ${limits[field]} characters.`;
        throw new AppError('invalid_argument', 'TEMPLATE_FAILED', message);
      }
      // A text column holds no NUL. A subject is one line; whatever else a value holds must not look like another header to anyone.
      return field === 'subject' ? written.replace(/\p{Cc}+/gu, ' ').trim() : written.replaceAll('\0', '');
    },
  };
}

function render(engine: Liquid, text: string, values: Readonly<Record<string, unknown>>): string {
  try {
    return String(engine.parseAndRenderSync(text, values));
  } catch (error) {
    throw refusal('TEMPLATE_FAILED', error);
  }
}

function refusal(reason: 'TEMPLATE_INVALID' | 'TEMPLATE_FAILED', error: unknown): AppError {
  const message = LiquidError.is(error) ? error.message.replace(/, file:[^,]*/, '') : 'The text is nested too deeply.';
  return reason === 'TEMPLATE_INVALID'
    ? new AppError('invalid_argument', 'TEMPLATE_INVALID', message, { cause: error })
    : new AppError('invalid_argument', 'TEMPLATE_FAILED', message, { cause: error });
}
