// What the beginning of a dump says of its database, before anything of it is run: its encoding, who owns what it makes,
// and what pg_dump --create writes of the database itself. All that is made stands before the first rows, so that is read,
// kept and given on.

import { splitName } from '../archive/comparison.ts';
import { serverVersionLine } from '../sql/scanner.ts';
import { type DumpPart, DumpSplitter } from '../sql/splitter.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { sourceFailure } from './psql.ts';

export type DumpHead = {
  /** As `SET client_encoding` has it. */
  readonly encoding?: string | undefined;
  readonly serverVersion?: string | undefined;
  /** Who owns what the dump makes, who owns most of it first. */
  readonly owners: readonly string[];
  /** `CREATE DATABASE`, where the dump has it. */
  readonly creation?: string | undefined;
  /** Of its database, as it says itself. */
  readonly databaseOwner?: string | undefined;
};

/** Far more than what stands before the rows, but for thousands of tables. */
const headBytesMax = 8 * 1024 ** 2;

/**
 * Reads the beginning of a dump.
 *
 * @returns What it says, and the dump from its first byte.
 * @throws What the dump's stream fails with, `RESTORE_REFUSED` for what no restore takes, the signal's reason.
 */
export async function readHead(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<{ readonly head: DumpHead; readonly dump: AsyncGenerator<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const reader = new HeadReader();
  const read: Uint8Array[] = [];
  let isEnded = false;
  try {
    while (!reader.isRead && !isEnded) {
      const next = await orAborted(iterator.next(), signal).catch((error: unknown) => {
        throw signal?.aborted ? error : sourceFailure(error);
      });
      isEnded = next.done ?? false;
      if (next.done) continue;
      // Its giver may use the memory again.
      read.push(Buffer.from(next.value));
      reader.push(read.at(-1) as Uint8Array);
    }
  } catch (error) {
    void iterator.return?.()?.then(undefined, () => undefined);
    throw error;
  }
  async function* dump(): AsyncGenerator<Uint8Array> {
    try {
      while (read.length > 0) yield read.shift() as Uint8Array;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: reader.found(), dump: dump() };
}

/** Names as they are, not as SQL has them. */
class HeadReader {
  isRead = false;
  readonly #splitter = new DumpSplitter();
  readonly #owned = new Map<string, number>();
  #said: Omit<DumpHead, 'owners'> = {};
  #bytes = 0;

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    for (const part of this.#splitter.push(chunk)) this.#part(part);
    this.isRead ||= this.#bytes >= headBytesMax;
  }

  found(): DumpHead {
    const byCount = [...this.#owned].sort(([, one], [, other]) => other - one);
    return { ...this.#said, owners: byCount.map(([name]) => name) };
  }

  #part(part: DumpPart): void {
    if (part.kind === 'statement') this.#statement(part.tokens, part.bytes, part.copies);
    if (part.kind === 'left out') this.#ofDatabase(part.text.toString('latin1'));
    if (part.kind === 'blank' && this.#said.serverVersion === undefined) {
      const text = part.bytes.toString('latin1');
      const at = text.indexOf(serverVersionLine);
      if (at < 0) return;
      const version = text.slice(at + serverVersionLine.length).split('\n')[0];
      this.#said = { ...this.#said, serverVersion: version };
    }
  }

  #statement(tokens: readonly string[], bytes: Buffer, copies: boolean): void {
    const cursor = new TokenCursor(tokens);
    const verb = cursor.next();
    if (copies || verb === 'INSERT') this.isRead = true;
    if (verb === 'SET' && cursor.peek() === 'CLIENT_ENCODING') {
      const encoding = /['"=\s]([\w-]+)'?\s*;$/.exec(bytes.toString('latin1'))?.[1];
      this.#said = { encoding, ...this.#said };
    }
    if (verb !== 'ALTER' || !cursor.seek('OWNER', 'TO')) return;
    const owner = plainName(cursor.identifier());
    if (owner !== undefined) this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + 1);
  }

  #ofDatabase(text: string): void {
    if (/^CREATE DATABASE /i.test(text)) this.#said = { creation: text, ...this.#said };
    const owner = /^ALTER DATABASE .* OWNER TO (.+);$/is.exec(text)?.[1];
    if (owner !== undefined) this.#said = { ...this.#said, databaseOwner: plainName(owner) };
  }
}

/** A role's name as it is. @param name - As SQL has it. */
export function plainName<Name extends string | undefined>(name: Name): Name {
  return (name === undefined ? undefined : (splitName(name)[0] ?? name)) as Name;
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
