import { type DescField, getOption, type JsonObject } from '@bufbuild/protobuf';
import { field as fieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

type FieldRules = ReturnType<typeof rulesOf>;

/** The validation rules of a field. */
function rulesOf(field: DescField) {
  return getOption(field, fieldRules);
}

/** What the rules of a field say, as keywords of JSON Schema for the whole field. */
export function constraintsOf(field: DescField): JsonObject {
  return ofRules(rulesOf(field));
}

/** The same for the items of a list or the values of a map. */
export function itemConstraintsOf(field: DescField): JsonObject {
  const { type } = rulesOf(field);
  if (type.case === 'repeated' && type.value.items !== undefined) return ofRules(type.value.items);
  if (type.case === 'map' && type.value.values !== undefined) return ofRules(type.value.values);
  return {};
}

/** Enum numbers that the rules exclude. */
export function excludedNumbers(field: DescField): readonly number[] {
  const { type } = rulesOf(field);
  return type.case === 'enum' ? type.value.notIn : [];
}

/** Whether a request without the field cannot pass: the rules refuse the zero value that an absent field has. */
export function isRequired(field: DescField): boolean {
  const rules = rulesOf(field);
  if (rules.required) return true;
  // Absence is allowed where it can be told from zero, or where zero is exempt.
  if (field.presence === explicitPresence || rules.ignore !== checkedAlways) return false;
  const { type } = rules;
  switch (type.case) {
    case 'string':
      return (
        type.value.minLen > 0n ||
        type.value.minBytes > 0n ||
        type.value.wellKnown.case !== undefined ||
        (type.value.in.length > 0 && !type.value.in.includes('')) ||
        (type.value.pattern !== '' && !new RegExp(type.value.pattern, 'u').test(''))
      );
    case 'enum':
      return type.value.notIn.includes(0);
    case 'repeated':
      return type.value.minItems > 0n;
    case 'map':
      return type.value.minPairs > 0n;
    default:
      return false;
  }
}

/** `FeatureSet.FieldPresence.EXPLICIT` and `Ignore.UNSPECIFIED` of the descriptors. */
const explicitPresence = 1;
const checkedAlways = 0;

function ofRules({ type }: FieldRules): JsonObject {
  switch (type.case) {
    case 'string': {
      const { minLen, maxLen, maxBytes, pattern, wellKnown, in: only } = type.value;
      return {
        ...(minLen > 0n ? { minLength: Number(minLen) } : {}),
        // A text of n bytes has at most n characters.
        ...(maxLen > 0n || maxBytes > 0n ? { maxLength: Number(maxLen > 0n ? maxLen : maxBytes) } : {}),
        ...(pattern === '' ? {} : { pattern }),
        ...(only.length === 0 ? {} : { enum: [...only] }),
        ...(wellKnown.case === 'uuid' || wellKnown.case === 'email' || wellKnown.case === 'uri'
          ? { format: wellKnown.case }
          : {}),
      };
    }
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'double':
      return { ...lowerBound(type.value.greaterThan), ...upperBound(type.value.lessThan) };
    case 'repeated': {
      const { minItems, maxItems, unique } = type.value;
      return {
        ...(minItems > 0n ? { minItems: Number(minItems) } : {}),
        ...(maxItems > 0n ? { maxItems: Number(maxItems) } : {}),
        ...(unique ? { uniqueItems: true } : {}),
      };
    }
    case 'map':
      return type.value.maxPairs > 0n ? { maxProperties: Number(type.value.maxPairs) } : {};
    default:
      return {};
  }
}

type Bound<Inclusive extends string, Exclusive extends string> =
  | { readonly case: Inclusive | Exclusive; readonly value: number | bigint }
  | { readonly case: undefined };

function lowerBound(bound: Bound<'gte', 'gt'>): JsonObject {
  if (bound.case === undefined) return {};
  return bound.case === 'gte' ? { minimum: Number(bound.value) } : { exclusiveMinimum: Number(bound.value) };
}

function upperBound(bound: Bound<'lte', 'lt'>): JsonObject {
  if (bound.case === undefined) return {};
  return bound.case === 'lte' ? { maximum: Number(bound.value) } : { exclusiveMaximum: Number(bound.value) };
}
