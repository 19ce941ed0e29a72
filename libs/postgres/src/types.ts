import pg from 'pg';

const int8 = 20;
const date = 1082;
const int8Array = 1016;
const dateArray = 1182;
const textArray = 1009 as Parameters<typeof pg.types.getTypeParser>[0];
const parseTextArray = pg.types.getTypeParser(textArray) as (text: string) => (string | null)[];

/** bigint for `bigint` (so `count(*)` is one too), text for `date`; the rest as pg does: `numeric` stays text. */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    switch (oid) {
      case int8:
        return BigInt;
      case int8Array:
        return (text: string) => parseTextArray(text).map((item) => (item === null ? null : BigInt(item)));
      case date:
        return (text: string) => text;
      case dateArray:
        return parseTextArray;
      default:
        return pg.types.getTypeParser(oid, format as 'text');
    }
  }) as pg.CustomTypesConfig['getTypeParser'],
};
