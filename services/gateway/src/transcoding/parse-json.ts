import type { JsonValue } from '@bufbuild/protobuf';
import { AppError } from '@flotilla/errors';

/** How deep objects and arrays may lie inside each other. */
export const maxJsonDepth = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads a body strictly: UTF-8 only, bounded depth, no name twice in one object. An empty body is an empty object. */
export function parseJson(bytes: Uint8Array): JsonValue {
  const text = decode(bytes);
  if (text.trim() === '') return {};
  checkDepth(text);
  const value = parse(text);
  checkNames(text);
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new AppError('invalid_argument', 'INVALID_UTF8', 'The body is not valid UTF-8.', { cause });
  }
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new AppError('invalid_argument', 'INVALID_JSON', `The body is not valid JSON${placeOf(cause)}.`, { cause });
  }
}

/** V8 tells the place but also quotes the text, which may hold a secret: only the place is passed on. */
function placeOf(cause: unknown): string {
  const place = cause instanceof Error ? /line (\d+) column (\d+)/.exec(cause.message) : null;
  return place === null ? '' : ` at line ${place[1]}, column ${place[2]}`;
}

/** Runs before the parser, because everything after it would recurse as deep as the text does. */
function checkDepth(text: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === quote) at = endOfString(text, at);
    else if (char === openBrace || char === openBracket) depth += 1;
    else if (char === closeBrace || char === closeBracket) depth -= 1;
    if (depth > maxJsonDepth) {
      throw new AppError('invalid_argument', 'JSON_TOO_DEEP', `The body is nested deeper than ${maxJsonDepth} levels.`);
    }
  }
}

/** JSON.parse keeps the last of equal names without a word; two readers of one text could then disagree. */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === openBrace || char === openBracket) {
      expectsName = char === openBrace;
      open.push(expectsName ? new Set() : undefined);
    } else if (char === closeBrace || char === closeBracket) {
      open.pop();
      expectsName = false;
    } else if (char === comma) {
      expectsName = open.at(-1) !== undefined;
    } else if (char === quote) {
      const end = endOfString(text, at);
      if (expectsName) addName(open.at(-1), text.slice(at, end + 1));
      expectsName = false;
      at = end;
    }
  }
}

function addName(names: Set<string> | undefined, literal: string): void {
  const name = JSON.parse(literal) as string;
  if (names?.has(name) === true) {
    throw new AppError('invalid_argument', 'DUPLICATE_NAME', `The body names "${name}" twice in one object.`);
  }
  names?.add(name);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== quote) at += text.charCodeAt(at) === backslash ? 2 : 1;
  return at;
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;
