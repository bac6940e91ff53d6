// The encoding that a dump is written in: where its characters end, and what its names are called.

import * as z from 'zod';
import { Utf8 } from './utf8.ts';

export const encodingStateSchema = z.strictObject({
  name: z.string(),
  /** Bytes that still belong to the character under way; -1 if that shows in the next one. */
  rest: z.number(),
  /** In UTF-8, what came of the character under way, latin1; null where that is not known. */
  begun: z.string().nullable().default(''),
});

export type EncodingState = z.infer<typeof encodingStateSchema>;

/** How many bytes a character has that begins so; -1 if the second byte tells. */
type CharacterLength = (lead: number) => number;

const two: CharacterLength = (lead) => (lead >= 0x80 ? 2 : 1);
const shiftJis: CharacterLength = (lead) => (lead >= 0x80 && (lead < 0xa1 || lead > 0xdf) ? 2 : 1);

/**
 * Encodings in which what looks like a quote or a backslash may be the end of a character: psql, whose lengths of
 * characters these are, knows the bytes before it.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/common/wchar.c
 */
const unsafe: ReadonlyMap<string, CharacterLength> = new Map([
  ['sjis', shiftJis],
  ['shiftjis2004', shiftJis],
  ['big5', two],
  ['gbk', two],
  ['uhc', two],
  ['johab', (lead) => (lead === 0x8f ? 3 : two(lead))],
  ['gb18030', (lead) => (lead >= 0x80 ? -1 : 1)],
]);

/** The server's other names for them, and for what JavaScript decodes. @see src/common/encnames.c */
const aliases: Readonly<Record<string, string>> = {
  shiftjis: 'sjis',
  mskanji: 'sjis',
  win932: 'sjis',
  windows932: 'sjis',
  win950: 'big5',
  windows950: 'big5',
  win936: 'gbk',
  windows936: 'gbk',
  win949: 'uhc',
  windows949: 'uhc',
  unicode: 'utf8',
};

/** JavaScript's names of the server's encodings, by the server's; the ISO 8859 and Windows ones are made of the number. */
const labels: Readonly<Record<string, string>> = {
  sjis: 'shift_jis',
  shiftjis2004: 'shift_jis',
  uhc: 'euc-kr',
  euckr: 'euc-kr',
  eucjp: 'euc-jp',
  eucjis2004: 'euc-jp',
  euccn: 'gbk',
  win866: 'ibm866',
  win: 'windows-1251',
  alt: 'ibm866',
  win874: 'windows-874',
  koi8r: 'koi8-r',
  koi8: 'koi8-r',
  koi8u: 'koi8-u',
  // Of no encoding at all, and nearly always that.
  sqlascii: 'utf-8',
};

/** Latin 1 to 10 are other parts of ISO 8859 than their numbers say. */
const latinParts = [0, 1, 2, 3, 4, 9, 10, 13, 14, 15, 16];

export class ClientEncoding {
  readonly #name: string;
  readonly #lengthOf: CharacterLength | undefined;
  #decoder: ((text: string) => string) | undefined;
  /** Only of this encoding it is known here whether text is text. */
  readonly #utf8: Utf8 | undefined;
  #rest = 0;

  /** @param from - Its name as a dump spells it, or where another one stopped. */
  constructor(from: string | EncodingState) {
    this.#name = typeof from === 'string' ? canonical(from) : from.name;
    this.#lengthOf = unsafe.get(this.#name);
    const { rest, begun } = typeof from === 'string' ? { rest: 0, begun: '' } : from;
    if (this.#name === 'utf8') this.#utf8 = new Utf8(begun);
    this.#rest = rest;
  }

  suspend(): EncodingState {
    return { name: this.#name, rest: this.#rest, begun: this.#utf8 === undefined ? '' : this.#utf8.begun };
  }

  /** Whether a server takes the next stretch for text. */
  isText(stretch: Buffer): boolean {
    return this.#utf8?.push(stretch) ?? true;
  }

  /** @param texts - Of which each character is a byte. */
  decodeAll(texts: readonly string[]): readonly string[] {
    return texts.every(isAscii) ? texts : texts.map((text) => (isAscii(text) ? text : this.#decode(text)));
  }

  #decode(text: string): string {
    this.#decoder ??= decoderOf(this.#name);
    return this.#decoder(text);
  }

  /**
   * Gives a chunk in which only the first byte of each character may be a quote or a backslash.
   *
   * @param from - Where to begin; what comes before remains.
   */
  mask(chunk: Buffer, from: number): Buffer {
    const lengthOf = this.#lengthOf;
    if (lengthOf === undefined) return chunk;
    const masked = Buffer.from(chunk);
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      // Each line begins anew, whatever the one before ended with.
      if (byte === 0x0a) this.#rest = 0;
      else if (this.#rest === 0) this.#rest = lengthOf(byte) === -1 ? -1 : lengthOf(byte) - 1;
      else {
        masked[at] = 0xff;
        if (this.#rest === -1) this.#rest = byte >= 0x30 && byte <= 0x39 ? 2 : 0;
        else this.#rest -= 1;
      }
    }
    return masked;
  }
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}

function canonical(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return aliases[plain] ?? plain;
}

function decoderOf(name: string): (text: string) => string {
  const label = labelOf(name);
  if (label === undefined) return escaped;
  if (label === 'iso-8859-1') return (text) => text;
  const decoder = new TextDecoder(label, { fatal: true });
  return (text) => {
    try {
      return decoder.decode(Buffer.from(text, 'latin1'));
    } catch {
      return escaped(text);
    }
  };
}

/** @returns `undefined` for what JavaScript does not know: JOHAB, EUC_TW, MULE_INTERNAL. */
function labelOf(name: string): string | undefined {
  const [, kind, part = ''] = /^(latin|iso8859|win|windows)(\d+)$/.exec(name) ?? [];
  const iso = kind === 'latin' ? latinParts[Number(part)] : kind === 'iso8859' && part;
  const numbered = kind === undefined ? undefined : iso ? `iso-8859-${iso}` : `windows-${part}`;
  const label = labels[name] ?? numbered ?? name;
  try {
    return new TextDecoder(label) && label;
  } catch {
    return undefined;
  }
}

/** Whether a name, or one in the server's answer, is in bytes that JavaScript does not know as letters. */
export function isUndecoded(name: string): boolean {
  return /\\x[89a-f][0-9a-f]|\ufffd/.test(name);
}

/** As the server writes a bytea: names stay as different from each other as they are. */
function escaped(text: string): string {
  return text.replaceAll(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}
