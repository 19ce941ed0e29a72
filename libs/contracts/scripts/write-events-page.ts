import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DescField, type DescMessage, getOption, ScalarType } from '@bufbuild/protobuf';
import { aggregate, personal, secret } from '../src/gen/flotilla/options/v1/options_pb.ts';
import { commentOf, documentedContract } from '../src/image.ts';

/** Writes docs/events.md from the contract and its comments. With `--check` it compares instead. */
const file = join(import.meta.dirname, '../../../docs/events.md');
const contract = documentedContract();
const events = [...contract.files]
  .flatMap((source) => source.messages)
  .filter((message) => getOption(message, aggregate) !== '')
  .sort((a, b) => (a.typeName < b.typeName ? -1 : 1));

function page(): string {
  const topics = Map.groupBy(events, (event) => event.file.proto.package);
  const parts = [...topics].map(([topic, members]) => {
    const tables = members.flatMap((event) => [eventSection(event)]);
    return `## \`${topic}\`\n\n${tables.join('\n')}`;
  });
  return `# Events

Generated from the contract by \`pnpm generate\`: do not edit.

A domain's events are on the topic of its name, in protobuf, keyed by the aggregate's id, so that those of one aggregate
stay in order. Headers are CloudEvents 1.0 in binary mode: \`ce_id\`, \`ce_type\` (below), \`ce_source\`, \`ce_time\`,
\`ce_subject\` (\`<aggregate>/<id>\`), and \`tenantid\`, \`eventseq\` (contiguous within the aggregate), \`traceparent\`,
\`causationdepth\`, \`actortype\`, \`actorid\`. An event can be delivered more than once, always with the same \`ce_id\`.
Fields that the contract calls secret or personal are never filled.

Beside each topic, \`<topic without .v1>.changes.v1\` carries \`flotilla.events.v1.RowChanged\`: captured changes of
critical tables, for the audit log only.

${parts.join('\n\n')}

# Messages in events

${nestedMessages().map(messageSection).join('\n')}
`.replace(/\n{3,}/g, '\n\n');
}

function eventSection(event: DescMessage): string {
  return `### ${event.name}\n\n${commentOf(event)} Aggregate: \`${getOption(event, aggregate)}\`.\n\n${fieldTable(event)}\n`;
}

function messageSection(message: DescMessage): string {
  const comment = commentOf(message);
  return `### <a id="${anchor(message)}"></a>${message.name}\n\n\`${message.typeName}\`${comment === '' ? '' : `: ${comment}`}\n\n${fieldTable(message)}\n`;
}

function fieldTable(message: DescMessage): string {
  const rows = message.fields
    .filter((field) => !getOption(field, secret) && !getOption(field, personal))
    .map((field) => `| \`${field.name}\` | ${typeOf(field)} | ${fieldComment(field)} |`);
  return ['| field | type | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function fieldComment(field: DescField): string {
  const values = field.enum?.values.filter((value) => value.number !== 0).map((value) => `\`${value.name}\``) ?? [];
  return [commentOf(field), values.join(', ')]
    .filter((text) => text !== '')
    .join(' ')
    .replaceAll('|', '\\|');
}

function typeOf(field: DescField): string {
  const single =
    field.message === undefined
      ? (field.enum?.name ?? ScalarType[field.scalar ?? ScalarType.STRING].toLowerCase())
      : linked(field.message);
  if (field.fieldKind === 'list') return `${single}, repeated`;
  return field.fieldKind === 'map' ? `${single} by name` : single;
}

function linked(message: DescMessage): string {
  return message.typeName.startsWith('google.') ? message.name : `[${message.name}](#${anchor(message)})`;
}

/** The messages that events carry, each once, in the order of their names. */
function nestedMessages(): readonly DescMessage[] {
  const found = new Map<string, DescMessage>();
  const collect = (message: DescMessage): void => {
    for (const field of message.fields) {
      const { message: inner } = field;
      if (inner === undefined || inner.typeName.startsWith('google.') || found.has(inner.typeName)) continue;
      found.set(inner.typeName, inner);
      collect(inner);
    }
  };
  for (const event of events) collect(event);
  return [...found.values()].sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
}

function anchor(message: DescMessage): string {
  return message.typeName.toLowerCase().replaceAll('.', '-');
}

const text = page();
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text)
  throw new Error('docs/events.md is not what the contract says: run pnpm generate');
