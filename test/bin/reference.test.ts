import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { referenceText } from '../../bin/reference.ts';

it('docs/reference.md is what the source has (npm run reference)', () => {
  const written = readFileSync(join(import.meta.dirname, '../../docs/reference.md'), 'utf8');
  expect(written).toBe(referenceText());
  // Each flag and each setting, in words.
  expect(written).not.toMatch(/^\| `.*\| {2}\|$|undefined/m);
});
