import { createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { contractImage } from './gen/contract-image.ts';

/** The contract as descriptors that keep their comments, for documentation (OpenAPI, docs/events.md). */
export function documentedContract(): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(contractImage, 'base64')));
}

export { type Commented, commentOf } from './comments.ts';
