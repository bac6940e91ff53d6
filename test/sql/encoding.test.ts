import { describe, expect, it } from 'vitest';
import { ClientEncoding } from '../../lib/sql/encoding.ts';

const name = (encoding: string, ...bytes: number[]) =>
  new ClientEncoding(encoding).decodeAll([Buffer.from(bytes).toString('latin1')])[0];

describe('a name', () => {
  it.each<[string, number[], string]>([
    ['UTF8', [0xc3, 0xb6], 'ö'],
    ['LATIN1', [0xf6], 'ö'],
    ['EUC_JP', [0xc6, 0xfc], '日'],
    ['SJIS', [0x93, 0xfa], '日'],
    ['SQL_ASCII', [0xc3, 0xb6], 'ö'],
    // Which JavaScript does not know: bytes, each as different from others as it was.
    ['JOHAB', [0x61, 0x88, 0x61], 'a\\x88a'],
    ['EUC_TW', [0xc4, 0xe3], '\\xc4\\xe3'],
    ['MULE_INTERNAL', [0x81, 0xf6], '\\x81\\xf6'],
  ])('in %s', (encoding, bytes, text) => expect(name(encoding, ...bytes)).toBe(text));
});
