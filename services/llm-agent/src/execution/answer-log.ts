import type { ExecutionNews } from '../db/update-repository.ts';

export interface AnswerLogOptions {
  /** The cursor of the latest news that is written. */
  readonly cursor: number;
  /** Writes news; false when the execution is not ours any more. May throw: the same news is then written again. */
  readonly write: (news: readonly ExecutionNews[], lastCursor: number) => Promise<boolean>;
  readonly onLost: () => void;
  /** Text is gathered for this long, or until there is this much of it. */
  readonly gather: { readonly ms: number; readonly characters: number };
  /** Whether somebody of this process follows. While nobody does, more is gathered: others look now and then only. */
  readonly isFollowed?: () => boolean;
}

/** Tells followers what a model says, in pieces worth a transaction, without ever making the model wait. */
export interface AnswerLog {
  add(text: string): void;
  /** What was said so far is void. */
  restart(attempt: number, reason: string): void;
  /** Stops writing and hands over what is not written yet. */
  close(): Promise<{ readonly news: readonly ExecutionNews[]; readonly lastCursor: number }>;
}

/** Everybody who passes news on holds whole pieces: a reader who takes nothing must not cost them a whole answer. */
const largestPiece = 16_384;

const unfollowedFactor = 10;

export function createAnswerLog(options: AnswerLogOptions): AnswerLog {
  const { cursor: written, write, onLost, gather, isFollowed = () => true } = options;
  let cursor = written;
  let buffer = '';
  /** Numbered, not yet known to be written: written again word for word, because the first try may have got through. */
  let unwritten: ExecutionNews[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let closed = false;

  function cut(final: boolean): void {
    // Half a character waits for its other half.
    const held = !final && /[\ud800-\udbff]$/.test(buffer) ? buffer.slice(-1) : '';
    const text = held === '' ? buffer : buffer.slice(0, -1);
    buffer = held;
    for (const piece of piecesOf(text)) unwritten.push({ cursor: ++cursor, kind: 'text', text: piece });
  }

  function schedule(): void {
    if (closed || writing !== undefined || (buffer === '' && unwritten.length === 0)) return;
    const factor = isFollowed() ? 1 : unfollowedFactor;
    if (buffer.length >= gather.characters * factor) flush();
    else timer ??= setTimeout(flush, gather.ms * factor);
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    cut(false);
    if (unwritten.length === 0) return;
    const news = unwritten;
    writing = write(news, cursor)
      .then((ours) => {
        unwritten = unwritten.slice(news.length);
        if (!ours) onLost();
      })
      .catch(() => {
        // The database is away for a moment: what is not written stays here and goes with the next piece.
        timer ??= setTimeout(flush, gather.ms * 10);
      })
      .finally(() => {
        writing = undefined;
        schedule();
      });
  }

  return {
    add(text) {
      buffer += text;
      schedule();
    },
    restart(attempt, reason) {
      buffer = '';
      unwritten = [...unwritten, { cursor: ++cursor, kind: 'restarted', attempt, reason }];
      schedule();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await writing;
      clearTimeout(timer);
      cut(true);
      return { news: unwritten, lastCursor: cursor };
    },
  };
}

function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length; ) {
    const end = Math.min(from + largestPiece, text.length);
    const to = end < text.length && /[\ud800-\udbff]/.test(text.charAt(end - 1)) ? end - 1 : end;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
