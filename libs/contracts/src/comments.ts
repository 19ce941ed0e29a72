import type {
  DescEnum,
  DescEnumValue,
  DescField,
  DescFile,
  DescMessage,
  DescMethod,
  DescService,
} from '@bufbuild/protobuf';

/** What can carry a comment in the contract. */
export type Commented = DescEnum | DescEnumValue | DescField | DescMessage | DescMethod | DescService;

const commentsByFile = new WeakMap<DescFile, ReadonlyMap<string, string>>();

/**
 * The comment above an element, as one line per paragraph; empty where there is none. Works on descriptors of
 * `documentedContract` only: generated code has dropped its comments.
 */
export function commentOf(desc: Commented): string {
  return commentsOf(fileOf(desc)).get(pathOf(desc).join('.')) ?? '';
}

function commentsOf(file: DescFile): ReadonlyMap<string, string> {
  const known = commentsByFile.get(file);
  if (known !== undefined) return known;
  const comments = new Map(
    (file.proto.sourceCodeInfo?.location ?? []).map((location): [string, string] => [
      location.path.join('.'),
      location.leadingComments.trim().replace(/\s*\n\s*/g, ' '),
    ]),
  );
  commentsByFile.set(file, comments);
  return comments;
}

function fileOf(desc: Commented): DescFile {
  return desc.kind === 'enum_value' || desc.kind === 'field' || desc.kind === 'rpc' ? desc.parent.file : desc.file;
}

/** The numbers are those of descriptor.proto: message_type 4, enum_type 5, service 6; inside: field 2, method 2, nested 3, enum 4, value 2. */
function pathOf(desc: Commented): readonly number[] {
  switch (desc.kind) {
    case 'service':
      return [6, desc.file.proto.service.indexOf(desc.proto)];
    case 'rpc':
      return [...pathOf(desc.parent), 2, desc.parent.proto.method.indexOf(desc.proto)];
    case 'message':
      return desc.parent === undefined
        ? [4, desc.file.proto.messageType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 3, desc.parent.proto.nestedType.indexOf(desc.proto)];
    case 'enum':
      return desc.parent === undefined
        ? [5, desc.file.proto.enumType.indexOf(desc.proto)]
        : [...pathOf(desc.parent), 4, desc.parent.proto.enumType.indexOf(desc.proto)];
    case 'field':
      return [...pathOf(desc.parent), 2, desc.parent.proto.field.indexOf(desc.proto)];
    case 'enum_value':
      return [...pathOf(desc.parent), 2, desc.parent.proto.value.indexOf(desc.proto)];
  }
}
