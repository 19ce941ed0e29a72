import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { registry } from '@flotilla/contracts';
import { AppError, type Violation } from '@flotilla/errors';

const validator = createValidator({ registry });

/** Reads a request from the wire: well-formed, valid UTF-8, no NUL characters, within the contract's rules. Throws `invalid_argument`. */
export function parseRequest<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  maxBytes: number,
): MessageShape<Desc> {
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  let message: MessageShape<Desc>;
  try {
    message = fromBinary(schema, bytes);
  } catch (cause) {
    throw new AppError(
      'invalid_argument',
      'MALFORMED_MESSAGE',
      'The request cannot be read as the message it should be.',
      {
        cause,
      },
    );
  }
  // Without a zero byte on the wire there is no NUL character, and most messages have none.
  checkMessage(schema, message, bytes.includes(0));
  return message;
}

/** Checks a message against the contract's rules; throws `invalid_argument` INVALID_REQUEST with one violation for each field. */
export function checkMessage<Desc extends DescMessage>(
  schema: Desc,
  message: MessageShape<Desc>,
  mayHoldNul = true,
): void {
  const violations = mayHoldNul ? nulCharacters(message, '') : [];
  const result = validator.validate(schema, message);
  if (result.kind === 'error') throw result.error;
  if (result.kind === 'invalid') {
    for (const { field, ruleId, message: text } of result.violations) {
      violations.push({ field: pathToString(field), reason: ruleId.replaceAll('.', '_').toUpperCase(), message: text });
    }
  }
  const [first] = violations;
  if (first === undefined) return;
  const where = first.field === '' ? '' : `${first.field}: `;
  throw new AppError('invalid_argument', 'INVALID_REQUEST', `The request is not valid: ${where}${first.message}`, {
    violations,
  });
}

/** The answer to a message above the limit. */
export function tooLarge(maxBytes: number): AppError {
  return new AppError('invalid_argument', 'MESSAGE_TOO_LARGE', `A request has at most ${maxBytes} bytes.`);
}

/** PostgreSQL keeps no NUL, neither in text nor in jsonb. */
function nulCharacters(value: unknown, path: string): Violation[] {
  if (typeof value === 'string') {
    return value.includes('\0')
      ? [{ field: path, reason: 'NUL_CHARACTER', message: 'must not contain NUL characters' }]
      : [];
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if (Array.isArray(value)) return value.flatMap((item, index) => nulCharacters(item, `${path}[${index}]`));
  return Object.entries(value).flatMap(([name, item]) => {
    if (name === '$typeName' || name === '$unknown') return [];
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const here = path === '' ? field : `${path}.${field}`;
    return [...nulCharacters(name, here), ...nulCharacters(item, here)];
  });
}
