import { type DescEnum, type DescField, type DescMessage, type JsonObject, ScalarType } from '@bufbuild/protobuf';
import { commentOf } from '@flotilla/contracts/image';
import { constraintsOf, excludedNumbers, isRequired, itemConstraintsOf } from './constraints.ts';

/** Collects the schemas of the messages that operations refer to. */
export interface SchemaRegistry {
  /** A reference to a message's schema, which is added to the components. */
  reference(message: DescMessage): JsonObject;
  /** The schema of a request's body: the message without the fields that the path carries, nothing unknown allowed. */
  body(message: DescMessage, pathFields: readonly string[]): JsonObject;
  /** The schema of a field. */
  field(field: DescField): JsonObject;
  readonly components: JsonObject;
}

/** An empty registry. */
export function createSchemaRegistry(): SchemaRegistry {
  const components: JsonObject = {};
  const names = new Map<string, string>();

  const reference = (message: DescMessage): JsonObject => {
    const name = message.name;
    const owner = names.get(name);
    if (owner !== undefined && owner !== message.typeName) {
      throw new Error(`OpenAPI: ${owner} and ${message.typeName} would share the name ${name}`);
    }
    if (owner === undefined) {
      names.set(name, message.typeName);
      components[name] = objectSchema(message, message.fields, field);
    }
    return { $ref: `#/components/schemas/${name}` };
  };
  const messageSchema = (message: DescMessage): JsonObject => wellKnown(message) ?? reference(message);
  const field = (desc: DescField): JsonObject => {
    const described = commentOf(desc);
    const schema = { ...shapeOf(desc, messageSchema), ...constraintsOf(desc) };
    return described === '' ? schema : { ...schema, description: described };
  };
  return {
    components,
    reference,
    field,
    body: (message, pathFields) => {
      const fields = message.fields.filter((candidate) => !pathFields.includes(candidate.name));
      const required = fields.filter(isRequired).map((candidate) => candidate.jsonName);
      return {
        ...objectSchema(message, fields, field),
        ...(required.length > 0 ? { required } : {}),
        additionalProperties: false,
      };
    },
  };
}

function objectSchema(
  message: DescMessage,
  fields: readonly DescField[],
  schemaOf: (field: DescField) => JsonObject,
): JsonObject {
  const described = commentOf(message);
  return {
    type: 'object',
    ...(described === '' ? {} : { description: described }),
    properties: Object.fromEntries(fields.map((field) => [field.jsonName, schemaOf(field)])),
  };
}

function shapeOf(field: DescField, messageSchema: (message: DescMessage) => JsonObject): JsonObject {
  if (field.fieldKind === 'list') {
    return { type: 'array', items: { ...singleShape(field, messageSchema), ...itemConstraintsOf(field) } };
  }
  if (field.fieldKind === 'map') {
    return {
      type: 'object',
      additionalProperties: { ...singleShape(field, messageSchema), ...itemConstraintsOf(field) },
    };
  }
  return singleShape(field, messageSchema);
}

function singleShape(field: DescField, messageSchema: (message: DescMessage) => JsonObject): JsonObject {
  if (field.message !== undefined) return messageSchema(field.message);
  if (field.enum !== undefined) return enumSchema(field.enum, excludedNumbers(field));
  return scalarSchema(field.scalar ?? ScalarType.STRING);
}

function enumSchema(desc: DescEnum, excluded: readonly number[]): JsonObject {
  const values = desc.values.filter((value) => !excluded.includes(value.number));
  return { type: 'string', enum: values.map((value) => value.name) };
}

function scalarSchema(scalar: ScalarType): JsonObject {
  switch (scalar) {
    case ScalarType.STRING:
      return { type: 'string' };
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: 'number' };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      // Answers show a text, because JavaScript loses digits beyond 2^53; requests may give either.
      return { type: ['string', 'integer'], format: 'int64' };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: 'integer', minimum: 0, maximum: 4_294_967_295 };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: 'integer', format: 'int32' };
  }
}

function wellKnown(message: DescMessage): JsonObject | undefined {
  switch (message.typeName) {
    case 'google.protobuf.Timestamp':
      return { type: 'string', format: 'date-time' };
    case 'google.protobuf.Duration':
      return { type: 'string', pattern: '^-?[0-9]{1,12}(\\.[0-9]{1,9})?s$', examples: ['1.5s'] };
    case 'google.protobuf.Struct':
    case 'google.protobuf.Empty':
      return { type: 'object' };
    case 'google.protobuf.Value':
      return {};
    default:
      return undefined;
  }
}
