import { AppError } from '@flotilla/errors';
import { RE2JS, RE2JSException } from 're2js';

/** How a pattern is read. */
export interface PatternOptions {
  /** `i` ignores case, `m` lets `^` and `$` match at line ends, `s` lets `.` match line ends. */
  readonly flags?: string;
  /** Field path for the violation. */
  readonly field?: string;
}

/** A compiled regular expression. */
export interface Pattern {
  readonly text: string;
  /** Instructions of the compiled program; a match costs at most this times the length of the input. */
  readonly programSize: number;
  /**
   * Whether the pattern occurs in the text, in time linear in its length.
   * @throws AppError failed_precondition PATTERN_TOO_COSTLY when pattern and text together are too large.
   */
  occursIn(text: string): boolean;
}

const maxPatternLength = 1_000;
const maxProgramSize = 2_000;
/** About half a second in the worst case. */
const maxSteps = 30_000_000;
const flagValues: Record<string, number> = { i: RE2JS.CASE_INSENSITIVE, m: RE2JS.MULTILINE, s: RE2JS.DOTALL };

/**
 * Compiles a regular expression in RE2 syntax: there is no backtracking, hence no catastrophic backtracking, and no look-around or back-reference.
 *
 * @throws AppError invalid_argument PATTERN_INVALID with the place of the mistake, also for a pattern that is too large.
 * @example
 * compilePattern('CVE-\\d{4}-\\d{4,}', { flags: 'i' }).occursIn(text);
 */
export function compilePattern(text: string, options: PatternOptions = {}): Pattern {
  const refuse = (message: string, cause?: unknown): AppError =>
    new AppError('invalid_argument', 'PATTERN_INVALID', message, {
      cause,
      violations: [{ field: options.field ?? 'pattern', reason: 'PATTERN_INVALID', message }],
    });
  if (text.length > maxPatternLength) throw refuse(`The pattern is longer than ${maxPatternLength} characters.`);
  let flags = 0;
  for (const flag of options.flags ?? '') {
    const value = flagValues[flag];
    if (value === undefined) throw refuse(`The flag "${flag}" is none of i, m, s.`);
    flags |= value;
  }
  const program = compile(text, flags, refuse);
  const programSize = program.programSize();
  if (programSize > maxProgramSize) throw refuse('The pattern is too large once its repetitions are written out.');
  return {
    text,
    programSize,
    occursIn(input) {
      if (programSize * input.length > maxSteps) {
        throw new AppError(
          'failed_precondition',
          'PATTERN_TOO_COSTLY',
          `The pattern is too large for a text of ${input.length} characters: use fewer or smaller repetitions.`,
        );
      }
      return program.test(input);
    },
  };
}

function compile(text: string, flags: number, refuse: (message: string, cause: unknown) => AppError): RE2JS {
  try {
    return RE2JS.compile(text, flags);
  } catch (error) {
    if (error instanceof RE2JSException) throw refuse(`The pattern is not valid: ${error.message}.`, error);
    throw refuse('The pattern is nested too deeply.', error);
  }
}
