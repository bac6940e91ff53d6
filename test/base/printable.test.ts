import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeError, OffsiteError } from '../../lib/base/errors.ts';
import { printable, printableLines } from '../../lib/base/printable.ts';
import { composeMail } from '../../lib/mail/mail.ts';

const hostile = '\x1b[2J\x1b]0;owned\x07 \x9b31m\u202eevil\r\x7f\u2028';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are looked for.
const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

describe('printable', () => {
  it('shows what a terminal would obey, and what turns text around', () => {
    expect(printable('a\x1b[2Jb\x9bc\u202ed\ne\ud800')).toBe('a\\u001b[2Jb\\u009bc\\u202ed\\u000ae\\ud800');
    expect(printableLines('one\r\ntwo')).toBe('one\\u000d\ntwo');
  });

  it('leaves what people write as it is', () => {
    const text = 'Größe 日本語 👩‍🚀 naïve שלום "quoted" \\x1b';
    expect(printable(text)).toBe(text);
  });

  it('leaves nothing that is obeyed, and JSON the same JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(obeyed);
        expect(JSON.parse(printableLines(JSON.stringify({ text }, null, 1)))).toEqual({ text });
      }),
    );
  });
});

it('is what errors and mails go through', () => {
  const error = new OffsiteError('RESTORE_FAILED', hostile, {
    expected: hostile,
    found: hostile,
    hint: hostile,
  });
  expect(describeError(error)).not.toMatch(obeyed);
  expect(describeError(new Error(hostile))).not.toMatch(obeyed);
  expect(composeMail('subject', [hostile]).text).not.toMatch(obeyed);
});

it('is what every command speaks through', () => {
  const folder = join(import.meta.dirname, '../../bin/commands');
  const speaking = readdirSync(folder).filter((file) =>
    /\bstd(out|err)\.write\(|console\./.test(readFileSync(join(folder, file), 'utf8')),
  );
  // progress.ts draws with the terminal's own commands, of figures and of the settings' source name.
  expect(speaking).toEqual(['print.ts', 'progress.ts']);
});
