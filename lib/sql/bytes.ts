// The bytes that SQL's lexical rules speak of, in any encoding that a server may have.

export const [newline, carriageReturn, backslash, quote, doubleQuote, dollar] = [
  0x0a, 0x0d, 0x5c, 0x27, 0x22, 0x24,
];
export const [dash, slash, star, semicolon, colon, open, close] = [0x2d, 0x2f, 0x2a, 0x3b, 0x3a, 0x28, 0x29];
export const spaces = byteSet(/[ \t\n\r\f\v]/);
export const digits = byteSet(/[0-9]/);
export const wordStarts = byteSet(/[A-Za-z_\x80-\xff]/);
export const wordParts = byteSet(/[A-Za-z0-9_$\x80-\xff]/);
export const tagParts = byteSet(/[A-Za-z0-9_\x80-\xff]/);
export const numberParts = byteSet(/[A-Za-z0-9_.\x80-\xff]/);

function byteSet(members: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => Number(members.test(String.fromCharCode(byte))));
}

/** Where the run of such bytes ends that begins at `from`. */
export function runEnd(members: Uint8Array, chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length && members[chunk[at] as number] === 1) at += 1;
  return at;
}
