import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** Turns the image of the contract, comments included, into a module, so that a bundled service carries it. */
const folder = new URL('../../libs/contracts/src/gen/', import.meta.url);
const image = fromBinary(FileDescriptorSetSchema, readFileSync(new URL('contract.binpb', folder)));
for (const file of image.file) {
  // Comments of other people's files are not our documentation, and make up most of the bytes.
  if (!file.name.startsWith('flotilla/')) delete file.sourceCodeInfo;
}
const bytes = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: image.file }));
const base64 = Buffer.from(bytes).toString('base64');
writeFileSync(
  new URL('contract-image.ts', folder),
  `/** The contract's descriptors with comments: a serialized google.protobuf.FileDescriptorSet, base64. Generated. */\nexport const contractImage =\n  '${base64}';\n`,
);
rmSync(new URL('contract.binpb', folder));
