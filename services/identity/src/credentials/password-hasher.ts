import { AppError } from '@flotilla/errors';
import { hash, verify } from '@node-rs/argon2';

/** Slow hashes of passwords, a few at a time: each takes 19 MiB and a core for some 30 ms. */
export interface PasswordHasher {
  hash(password: string): Promise<string>;
  /** Without a hash it works as long as with one and answers `false`. */
  verify(passwordHash: string | undefined, password: string): Promise<boolean>;
}

// Argon2id is the library's default.
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Creates a hasher; who would have to wait behind more than `maxWaiting` others is refused at once. */
export function createPasswordHasher({ concurrency = 2, maxWaiting = 200 } = {}): PasswordHasher {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= concurrency) {
      if (waiting.length >= maxWaiting) {
        throw new AppError('resource_exhausted', 'LOGIN_BUSY', 'Too many logins at once.', { retryAfterMs: 2_000 });
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next(); // hands its turn on
    }
  }

  let decoy: Promise<string> | undefined;
  return {
    hash: (password) => inTurn(() => hash(password, parameters)),
    async verify(passwordHash, password) {
      decoy ??= hash('nobody has this password', parameters);
      const compared = passwordHash ?? (await decoy);
      const matches = await inTurn(() => verify(compared, password));
      return matches && passwordHash !== undefined;
    },
  };
}
