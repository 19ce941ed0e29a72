import { clone, type DescField, type DescMessage, getOption, type MessageShape } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { personal, secret } from './gen/flotilla/options/v1/options_pb.ts';

/**
 * The message without the fields that the contract calls secret or personal, at any depth: what may go onto a topic or
 * into a log. A copy, where the schema has such fields.
 */
export function withoutPrivateFields<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
): MessageShape<Desc> {
  if (!holdsPrivate(schema)) return message;
  const copy = clone(schema, message);
  strip(reflect(schema, copy));
  return copy;
}

/** By field: options are read from the descriptor's bytes each time, which costs more than all the rest. */
const privateFields = new WeakMap<DescField, boolean>();

function isPrivate(field: DescField): boolean {
  const known = privateFields.get(field);
  if (known !== undefined) return known;
  const found = getOption(field, secret) || getOption(field, personal);
  privateFields.set(field, found);
  return found;
}

const privateSchemas = new WeakMap<DescMessage, boolean>();

function holdsPrivate(schema: DescMessage): boolean {
  const found = privateSchemas.get(schema) ?? findPrivate(schema, new Set());
  privateSchemas.set(schema, found);
  return found;
}

/** `seen`: messages may contain themselves. */
function findPrivate(schema: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.fields.some((field) => isPrivate(field) || (field.message && findPrivate(field.message, seen)));
}

function strip(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (isPrivate(field)) {
      message.clear(field);
      continue;
    }
    if (!message.isSet(field)) continue;
    if (field.fieldKind === 'message') strip(message.get(field));
    else if (field.fieldKind === 'list' && field.listKind === 'message') {
      for (const item of message.get(field)) strip(item as ReflectMessage);
    } else if (field.fieldKind === 'map' && field.mapKind === 'message') {
      for (const [, item] of message.get(field)) strip(item as ReflectMessage);
    }
  }
}
