// What a file is that is no gzip, or whose gzip holds no plain dump, by how it begins: "damaged" and "cut" would send
// its owner looking for a fault that is none.

import { binary, opening as dumpOpening, foreignKind, headBytes, textKind } from '../sql/dump-kind.ts';

/** Keeps the beginning of what passes. */
export class Opening {
  bytes: Buffer = Buffer.alloc(0);

  update(chunk: Uint8Array): void {
    if (this.bytes.length >= headBytes) return;
    this.bytes = Buffer.concat([this.bytes, chunk.subarray(0, headBytes - this.bytes.length)]);
  }
}

/**
 * Says what a file is that gzip cannot read.
 *
 * @param opening - Its first 512 bytes, or all of it.
 * @returns `undefined` if that is not known.
 */
export function formatOfFile(opening: Buffer): string | undefined {
  const text = opening.toString('latin1');
  if (text === '') return 'the file is empty';
  if (text.startsWith('\x1f\x8b')) return undefined;
  if (text.startsWith(dumpOpening)) return 'a plain dump that is not compressed: gzip it first';
  const known = foreignKind(text);
  // What has no name may be gzip whose first bytes were changed.
  if (known !== undefined && ![binary.found, textKind(text)?.found].includes(known.found))
    return `no gzip, but ${known.found}`;
  return /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(text) ? 'plain text that is not compressed' : undefined;
}

/** Says what a gzip file holds in place of a plain dump. @param opening - The first plain bytes. */
export function formatInside(opening: Buffer): string | undefined {
  return opening.length === 0
    ? 'nothing: gzip of an empty file'
    : foreignKind(opening.toString('latin1'))?.found;
}
