import type { MessageInitShape } from '@bufbuild/protobuf';
import type { InputPartSchema } from '@flotilla/contracts/agent';
import type { InputPart } from '../domain/input.ts';

/** Files without what is in them. */
export function toInputPartMessage(part: InputPart): MessageInitShape<typeof InputPartSchema> {
  if (part.type === 'text') return { part: { case: 'text', value: part.text } };
  const { mediaType, fileName, sha256, bytes } = part;
  return { part: { case: 'file', value: { mediaType, fileName, sha256, size: BigInt(bytes) } } };
}
