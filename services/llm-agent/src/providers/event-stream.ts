import { StringDecoder } from 'node:string_decoder';

/** The data of each event of a `text/event-stream`, as they come. An event that is not ended is none. */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let data: string | undefined;
  for await (const chunk of body) {
    rest += decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    let from = 0;
    for (let end = rest.indexOf('\n', from); end >= 0; end = rest.indexOf('\n', from)) {
      const line = rest.slice(from, rest.charCodeAt(end - 1) === carriageReturn ? end - 1 : end);
      from = end + 1;
      if (line === '') {
        if (data !== undefined) yield data;
        data = undefined;
      } else if (line.startsWith('data:')) {
        const value = line.slice(line.charCodeAt(5) === space ? 6 : 5);
        data = data === undefined ? value : `${data}\n${value}`;
      }
    }
    rest = rest.slice(from);
  }
}

const carriageReturn = 0x0d;
const space = 0x20;
