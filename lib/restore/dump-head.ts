// What the beginning of a dump says of its database, before anything of it is run: its encoding, who owns what it makes,
// and what pg_dump --create writes of the database itself. All that is made stands before the first rows, so that is read,
// kept and given on.

import { splitName } from '../archive/comparison.ts';
import { serverVersionLine } from '../sql/scanner.ts';
import type { DumpPart } from '../sql/splitter.ts';
import { TokenCursor } from '../sql/token-cursor.ts';

export type DumpHead = {
  /** As `SET client_encoding` has it. */
  readonly encoding?: string | undefined;
  readonly serverVersion?: string | undefined;
  /** Collations that no database in SQL_ASCII can have. */
  readonly usesIcu?: true | undefined;
  /** Who owns what the dump makes, who owns most of it first. */
  readonly owners: readonly string[];
  /** `CREATE DATABASE`, where the dump has it. */
  readonly creation?: string | undefined;
  /** Of its database, as that says. */
  readonly tablespace?: string | undefined;
  /** Of its database, as it says itself. */
  readonly databaseOwner?: string | undefined;
};

/** Far more than what stands before the rows, but for thousands of tables. */
const headBytesMax = 8 * 1024 ** 2;

/** Names as they are, not as SQL has them. */
export class HeadReader {
  isRead = false;
  readonly #owned = new Map<string, number>();
  #said: Omit<DumpHead, 'owners'> = {};
  #bytes = 0;

  push(parts: readonly DumpPart[], bytes: number): void {
    this.#bytes += bytes;
    for (const part of parts) this.#part(part);
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
    if (verb === 'CREATE' && /provider = icu\b|-x-icu"/.test(bytes.toString('latin1')))
      this.#said = { ...this.#said, usesIcu: true };
    if (verb === 'SET' && cursor.peek() === 'CLIENT_ENCODING') {
      const encoding = /['"=\s]([\w-]+)'?\s*;$/.exec(bytes.toString('latin1'))?.[1];
      this.#said = { encoding, ...this.#said };
    }
    const owner =
      verb === 'SET' && cursor.skip('SESSION', 'AUTHORIZATION')
        ? /'((?:[^']|'')+)'\s*;$/.exec(bytes.toString())?.[1]?.replaceAll("''", "'")
        : verb === 'ALTER' && cursor.seek('OWNER', 'TO')
          ? plainName(cursor.identifier())
          : undefined;
    if (owner !== undefined) this.#owned.set(owner, (this.#owned.get(owner) ?? 0) + 1);
  }

  #ofDatabase(text: string): void {
    if (/^CREATE DATABASE /i.test(text)) {
      const tablespace = plainName(/ TABLESPACE = ("(?:[^"]|"")+"|\w+)/i.exec(text)?.[1]);
      this.#said = { creation: text, tablespace, ...this.#said };
    }
    const owner = /^ALTER DATABASE .* OWNER TO (.+);$/is.exec(text)?.[1];
    if (owner !== undefined) this.#said = { ...this.#said, databaseOwner: plainName(owner) };
  }
}

/** A role's name as it is. @param name - As SQL has it. */
export function plainName<Name extends string | undefined>(name: Name): Name {
  return (name === undefined ? undefined : (splitName(name)[0] ?? name)) as Name;
}
