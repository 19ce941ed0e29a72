import { AppError } from '@flotilla/errors';
import type { Modality } from './provider.ts';

/** What a model is told besides text, in one message. Files are named by what is in them. */
export type InputPart = { readonly type: 'text'; readonly text: string } | FilePart;

export interface FilePart {
  readonly type: 'file';
  readonly mediaType: MediaType;
  readonly fileName: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Parts as they were given: with the files that are to be kept, by their hashes. */
export interface GivenInput {
  readonly parts: readonly InputPart[];
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export const noInput: GivenInput = { parts: [], files: new Map() };

/** What files begin with, where that says what they are; `null` is any byte. */
const signatures = {
  'image/png': [bytesOf('\x89PNG\r\n\x1a\n')],
  'image/jpeg': [[0xff, 0xd8, 0xff]],
  'image/gif': [bytesOf('GIF87a'), bytesOf('GIF89a')],
  'image/webp': [[...bytesOf('RIFF'), null, null, null, null, ...bytesOf('WEBP')]],
  'application/pdf': [bytesOf('%PDF-')],
  'audio/wav': [[...bytesOf('RIFF'), null, null, null, null, ...bytesOf('WAVE')]],
  // With a tag before it, or a frame at once.
  'audio/mpeg': [bytesOf('ID3'), [0xff, 0xfb], [0xff, 0xf3], [0xff, 0xf2], [0xff, 0xfa]],
} as const satisfies Record<string, readonly (readonly (number | null)[])[]>;

export type MediaType = keyof typeof signatures;

/** Undefined for what no provider takes. */
export function toMediaType(text: string): MediaType | undefined {
  return Object.hasOwn(signatures, text) ? (text as MediaType) : undefined;
}

/** Whether a file looks like what it is said to be. */
export function looksLike(mediaType: MediaType, data: Uint8Array): boolean {
  return signatures[mediaType].some((signature) =>
    signature.every((byte, index) => byte === null || byte === data[index]),
  );
}

export function modalityOf({ mediaType }: FilePart): Modality {
  if (mediaType === 'application/pdf') return 'pdf';
  return mediaType.startsWith('audio/') ? 'audio' : 'image';
}

export function filesIn(parts: readonly InputPart[] = []): readonly FilePart[] {
  return parts.filter((part) => part.type === 'file');
}

const imageTokens = 2_000;
const leastTokens = 100;
const bytesPerToken = { text: 4, pdf: 2, audio: 20 };

/**
 * About as many tokens as parts use. Nobody knows before the provider has counted: a picture comes to at most some 2,000
 * of them, a document is compressed, and a second of the worst sound is a kilobyte and some ten tokens.
 */
export function tokensOf(parts: readonly InputPart[] = []): number {
  return parts.reduce((sum, part) => sum + tokensOfPart(part), 0);
}

function tokensOfPart(part: InputPart): number {
  if (part.type === 'text') return Math.ceil(Buffer.byteLength(part.text) / bytesPerToken.text);
  const modality = modalityOf(part);
  if (modality === 'image') return imageTokens;
  return Math.max(leastTokens, Math.ceil(part.bytes / bytesPerToken[modality]));
}

/** In place of a file where only words go. */
export function labelOf(part: InputPart): string {
  return part.type === 'text' ? part.text : `[${part.mediaType} ${part.fileName}]`.replace(' ]', ']');
}

/** The error, with the place of the part that it is about. */
export function atPart(index: number, field: string, { code, reason, message }: AppError): AppError {
  return new AppError(code, reason, message, {
    violations: [{ field: `parts[${index}].${field}`, reason, message }],
  });
}

function bytesOf(text: string): number[] {
  return [...Buffer.from(text, 'latin1')];
}
