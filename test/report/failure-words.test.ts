import { expect, it } from 'vitest';
import { sentence } from '../../lib/report/failure-words.ts';

it.each([
  ['the disk of the server is full', 'The disk of the server is full.'],
  ['restoring, it was killed', 'Restoring, it was killed.'],
  [
    'bitagent-2026-11-22-031500Z is not what the agent wrote',
    'bitagent-2026-11-22-031500Z is not what the agent wrote.',
  ],
  ['pg_dump wrote what is no dump', 'pg_dump wrote what is no dump.'],
  ['Postgres did not start', 'Postgres did not start.'],
])('a sentence begins with a capital letter, unless a name begins it: %s', (text, said) => {
  expect(sentence(text)).toBe(said);
});
