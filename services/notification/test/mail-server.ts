import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A message as it arrived. */
export interface ReceivedMail {
  readonly to: readonly string[];
  readonly messageId: string;
  readonly headers: string;
  readonly text: string;
}

type Stage = 'connect' | 'rcpt' | 'data';

/** A real SMTP server that can be told to refuse or to hang. */
export interface MailServer {
  readonly url: string;
  readonly received: readonly ReceivedMail[];
  /** Messages that were offered, taken or not. */
  readonly tries: number;
  to(address: string): readonly ReceivedMail[];
  /** Answers the next commands of a stage with this code, `times` times. */
  refuse(stage: Stage, code: number, times: number): void;
  /** Keeps what comes next without an answer until the release. */
  hold(): { release(): void; readonly held: Promise<void> };
  stop(): Promise<void>;
}

export async function startMailServer(): Promise<MailServer> {
  const received: ReceivedMail[] = [];
  const refusals: { stage: Stage; code: number; times: number }[] = [];
  let tries = 0;
  let gate: { open: Promise<void>; arrived: () => void } | undefined;

  function refusalAt(stage: Stage): Error | undefined {
    const refusal = refusals.find((each) => each.stage === stage && each.times > 0);
    if (refusal === undefined) return undefined;
    refusal.times -= 1;
    return Object.assign(new Error(`refused at ${stage}`), { responseCode: refusal.code });
  }

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onConnect: (_session, done) => done(refusalAt('connect')),
    onRcptTo: (_address, _session, done) => done(refusalAt('rcpt')),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        tries += 1;
        const refusal = refusalAt('data');
        const take = (): void => {
          if (refusal === undefined) received.push(parse(Buffer.concat(chunks).toString(), session.envelope.rcptTo));
          done(refusal);
        };
        if (gate === undefined) take();
        else {
          gate.arrived();
          void gate.open.then(take);
        }
      });
    },
  });
  // A client that goes away in the middle is what some tests are about.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;

  return {
    url: `smtp://127.0.0.1:${port}`,
    received,
    get tries() {
      return tries;
    },
    to: (address) => received.filter(({ to }) => to.includes(address)),
    refuse(stage, code, times) {
      refusals.push({ stage, code, times });
    },
    hold() {
      const opening = Promise.withResolvers<void>();
      const arrival = Promise.withResolvers<void>();
      gate = { open: opening.promise, arrived: arrival.resolve };
      return {
        held: arrival.promise,
        release() {
          gate = undefined;
          opening.resolve();
        },
      };
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function parse(raw: string, recipients: readonly { address: string }[]): ReceivedMail {
  const [headers = '', ...body] = raw.split('\r\n\r\n');
  return {
    to: recipients.map(({ address }) => address),
    messageId: /^message-id: (.*)$/im.exec(headers)?.[1] ?? '',
    headers,
    text: body.join('\r\n\r\n').trim(),
  };
}
