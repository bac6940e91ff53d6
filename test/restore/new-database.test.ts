import { describe, expect, it } from 'vitest';
import { makingOf } from '../../lib/restore/new-database.ts';

describe('the encoding of the database that is made', () => {
  const ofUtf8 = "CREATE DATABASE d WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE = 'C';";
  it.each([
    ['UTF8', undefined, 'UTF8', undefined],
    ['LATIN1', undefined, 'LATIN1', undefined],
    ['SJIS', undefined, 'UTF8', /SJIS, which no database has: it is made as UTF8/],
    ['LATIN1', ofUtf8, 'UTF8', /LATIN1, and its database was UTF8/],
    ['SQL_ASCII', undefined, 'SQL_ASCII', /does not say what its database was: it is made as SQL_ASCII/],
    ['SQL_ASCII', ofUtf8.replace('UTF8', 'SQL_ASCII'), 'SQL_ASCII', undefined],
  ])('of a dump in %s, with %s, is %s', (encoding, creation, made, warned) => {
    const { making, warnings } = makingOf(undefined, { encoding, creation });
    expect(making.encoding).toBe(made);
    expect(warnings).toEqual(warned === undefined ? [] : [expect.stringMatching(warned)]);
  });

  it('is not SQL_ASCII where the dump has collations that no such database has', () => {
    const { making, warnings } = makingOf(undefined, { encoding: 'SQL_ASCII', usesIcu: true });
    expect(making.encoding).toBe('UTF8');
    expect(warnings).toEqual([
      expect.stringMatching(/which no database with collations of ICU has: it is made as UTF8/),
    ]);
  });
});
