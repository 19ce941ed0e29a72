import {
  type CelEnv,
  type CelFunc,
  type CelResult,
  CelScalar,
  type CelValue,
  celEnv,
  celFunc,
  celList,
  celMethod,
  isCelList,
  isCelMap,
  listType,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { appendFunction, spendFunction } from './expression-tree.ts';
import { spendOn } from './json-value.ts';
import { type Meter, maxTextLength } from './meter.ts';
import { compilePattern, type Pattern } from './pattern.ts';

/** CEL's functions, each of which pays for its work before it does it. */
export interface Environment {
  readonly env: CelEnv;
  /** Runs CEL code that pays from this meter. CEL runs to its end without yielding, so there is one meter at a time. */
  metered<T>(meter: Meter, run: () => T): T;
}

const { STRING, DYN, INT } = CelScalar;
const maxRememberedPatterns = 100;
/** Those that look at a text without making another: a memory scan, a thousand characters for a unit. */
const scans = new Set(['contains', 'startsWith', 'endsWith', 'indexOf', 'lastIndexOf', 'substring', 'charAt']);

export function createEnvironment(): Environment {
  let current: Meter | undefined;
  const meter: Meter = {
    spend(units) {
      if (current === undefined) throw new Error('CEL ran without a meter');
      current.spend(units);
    },
  };
  const env = celEnv({ funcs: [...strings, ...bounded(meter)], re2: matching(meter) });
  for (const group of new Set(Array.from(env.funcs, (func) => env.funcs.find(func.name)))) {
    if (group === undefined) continue;
    const dispatch = group.call.bind(group);
    group.call = (id, target, args) => {
      pay(group.name, target, args, meter);
      return special(group.name, args, meter) ?? dispatchNumbers(dispatch, id, target, args);
    };
  }
  return {
    env,
    metered(next, run) {
      const previous = current;
      current = next;
      try {
        return run();
      } finally {
        current = previous;
      }
    },
  };
}

type Dispatch = (id: number, target: CelValue | undefined, args: CelValue[]) => CelResult | undefined;

/** JSON knows one kind of number, CEL several that do not mix: where no function fits, all numbers become doubles, then integers. */
function dispatchNumbers(dispatch: Dispatch, id: number, target: CelValue | undefined, args: CelValue[]) {
  const found = dispatch(id, target, args);
  if (found !== undefined || !args.some((arg) => typeof arg === 'number')) return found;
  const asDoubles = args.map((arg) => (typeof arg === 'bigint' ? Number(arg) : arg));
  const asIntegers = args.map((arg) => (typeof arg === 'number' && Number.isSafeInteger(arg) ? BigInt(arg) : arg));
  return dispatch(id, target, asDoubles) ?? dispatch(id, target, asIntegers);
}

/** The price of a call by the size of what it is given. */
function pay(name: string, target: CelValue | undefined, args: readonly CelValue[], meter: Meter): void {
  const [first, second] = args;
  meter.spend(1);
  if (name === spendFunction || name === appendFunction) return;
  if (name === '_==_' || name === '_!=_') {
    payForComparison(first, second, meter);
    return;
  }
  if (name === '@in' && isCelList(second)) spendOn(second, meter);
  if (name === 'format') {
    spendOn(first, meter);
    meter.spend(typeof target === 'string' ? 100 * target.split('%').length : 0);
  }
  if ((name === 'int' || name === 'uint') && typeof first === 'string') meter.spend((first.length / 16) ** 2);
  if (name.startsWith('get') && args.length > 0) meter.spend(200);
  for (const value of [target, ...args]) {
    if (typeof value === 'string') meter.spend(value.length / (scans.has(name) ? 1_024 : 16));
    else if (value instanceof Uint8Array) meter.spend(value.length / 16);
    else if (isCelList(value) || isCelMap(value)) meter.spend(value.size);
  }
}

function payForComparison(left: CelValue | undefined, right: CelValue | undefined, meter: Meter): void {
  const sameList = isCelList(left) && isCelList(right) && left.size === right.size;
  const sameMap = isCelMap(left) && isCelMap(right) && left.size === right.size;
  if (sameList || sameMap) spendOn(left, meter);
  else if (typeof left === 'string' && typeof right === 'string') meter.spend(left.length / 256);
}

/** Lists under construction: each belongs to one loop. */
const growing = new WeakMap<object, CelValue[]>();

function special(name: string, args: readonly CelValue[], meter: Meter): CelValue | undefined {
  const [left, right] = args;
  if (name === spendFunction && left !== undefined) {
    meter.spend(Number(right));
    return left;
  }
  if (name === appendFunction && isCelList(left) && isCelList(right)) {
    const items = growing.get(left) ?? [...left];
    items.push(...right);
    if (growing.has(left)) return left;
    const list = celList(items);
    growing.set(list, items);
    return list;
  }
  // CEL's own concatenation nests generators, which become slow and exhaust the stack.
  if (name === '_+_' && isCelList(left) && isCelList(right)) return celList([...left, ...right]);
  if (name === '_+_' && typeof left === 'string' && typeof right === 'string') {
    if (left.length + right.length > maxTextLength) meter.spend(Number.POSITIVE_INFINITY);
  }
  return undefined;
}

/** Functions whose results could be far larger than what they are given. */
function bounded(meter: Meter): CelFunc[] {
  const sized = (length: number): void => {
    meter.spend(length > maxTextLength ? Number.POSITIVE_INFINITY : length / 64);
  };
  const replace = (text: string, old: string, next: string, limit = Number.POSITIVE_INFINITY): string => {
    const parts = text.split(old);
    const count = Math.min(parts.length - 1, limit < 0 ? Number.POSITIVE_INFINITY : limit);
    sized(text.length + count * (next.length - old.length));
    return parts.slice(0, count).reduce((made, part) => made + part + next, '') + parts.slice(count).join(old);
  };
  const joined = (list: Iterable<CelValue>, separator: string): string => {
    const items: string[] = [];
    let length = 0;
    for (const item of list) {
      if (typeof item !== 'string') throw new Error('join needs a list of texts');
      length += item.length + separator.length;
      items.push(item);
    }
    sized(length);
    return items.join(separator);
  };
  const LIST = listType(DYN);
  return [
    celFunc(spendFunction, [DYN, INT], DYN, (value) => value),
    celFunc(appendFunction, [LIST, LIST], LIST, (list) => list),
    celMethod('replace', STRING, [STRING, STRING], STRING, function (old, next) {
      return replace(this, old, next);
    }),
    celMethod('replace', STRING, [STRING, STRING, INT], STRING, function (old, next, limit) {
      return replace(this, old, next, Number(limit));
    }),
    celMethod('join', LIST, [], STRING, function () {
      return joined(this, '');
    }),
    celMethod('join', LIST, [STRING], STRING, function (separator) {
      return joined(this, separator);
    }),
  ];
}

/** The same engine and limits as {@link compilePattern}. */
function matching(meter: Meter): { compile(text: string): { test(input: string): boolean } } {
  const remembered = new Map<string, Pattern>();
  const patternOf = (text: string): Pattern => {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const pattern = compilePattern(text);
    meter.spend(500 + 5 * pattern.programSize);
    if (remembered.size >= maxRememberedPatterns) remembered.clear();
    remembered.set(text, pattern);
    return pattern;
  };
  return {
    compile: (text) => {
      const pattern = patternOf(text);
      return {
        test(input) {
          meter.spend((pattern.programSize * input.length) / 32);
          return pattern.occursIn(input);
        },
      };
    },
  };
}
