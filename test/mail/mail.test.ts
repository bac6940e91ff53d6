import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsiteError } from '../../lib/base/errors.ts';
import { composeMail, textTable } from '../../lib/mail/mail.ts';
import { notLaunchedMail } from '../../lib/restore-test/launch.ts';
import { noRetentionMail, overdueMail } from '../../lib/retention/mails.ts';

describe('composeMail', () => {
  it('makes a subject that SNS takes, of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const { subject } = composeMail(`[offsite] ${text}`, []);
        expect(subject).toMatch(/^[\x20-\x7e]{1,100}$/);
        expect(subject.startsWith('[offsite]')).toBe(true);
      }),
    );
  });
});

describe('the text', () => {
  it('is broken at 80 columns, keeps its indentation, and loses no word', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { maxLength: 60 }),
        fc.integer({ min: 0, max: 8 }),
        (words, indent) => {
          const margin = ' '.repeat(indent);
          const { text } = composeMail('x', [`-\n${margin}${words.join(' ')}`]);
          const lines = text.trimEnd().split('\n').slice(1);
          expect(lines.every((line) => line.length <= 80 && line.startsWith(margin))).toBe(true);
          expect(lines.join(' ').split(/ +/).filter(Boolean)).toEqual(words);
        },
      ),
    );
  });
});

describe('a text that is more than SNS takes', () => {
  const last = 'What to do: back up again.';
  const bytes = (text: string) => Buffer.byteLength(text);

  it('loses the end of its longest block, says how much, and keeps what to do', () => {
    const rows = Array.from({ length: 5000 }, (_, index) => `bitagent-${index} ${'x'.repeat(60)}`);
    const { text } = composeMail('x', ['5,000 archives', rows.join('\n'), last]);
    expect(bytes(text)).toBeLessThanOrEqual(200_001);
    expect(bytes(text)).toBeGreaterThan(199_000);
    const [, more = ''] = /^… ([\d,]+) more lines$/m.exec(text) ?? [];
    const shown = text.split('\n').filter((line) => line.startsWith('bitagent-')).length;
    expect(Number(more.replace(',', '')) + shown).toBe(5000);
    expect(text.trimEnd().endsWith(last)).toBe(true);
  });

  it('fits whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc
            .tuple(fc.constantFrom('x', 'ä ', '漢', 'a\n', '🐘 '), fc.nat({ max: 300_000 }))
            .map(([unit, count]) => unit.repeat(count)),
          { maxLength: 4 },
        ),
        (blocks) => {
          const { text } = composeMail('x', [...blocks, last]);
          expect(bytes(text)).toBeLessThanOrEqual(200_001);
          expect(text.trimEnd().endsWith(last)).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('textTable', () => {
  it('puts texts at the left and figures at the right', () => {
    const rows = [
      ['archive', 'bytes', 'verdict'],
      ['a', '5 B', 'intact'],
      ['long-name', '12.5 MiB', 'damaged'],
    ];
    expect(textTable(rows)).toBe(
      ['archive       bytes  verdict', 'a               5 B  intact', 'long-name  12.5 MiB  damaged'].join(
        '\n',
      ),
    );
  });
});

describe('alert mails', () => {
  it('say the outcome in the subject', () => {
    const stale = { subject: 'archive', ageHours: 50, never: false, limitHours: 26 } as const;
    expect(overdueMail('bitagent', [stale]).subject).toBe(
      '[offsite] NO FRESH ARCHIVE: bitagent, newest is 2.1 days old',
    );
    expect(overdueMail('bitagent', [{ ...stale, never: true }]).subject).toBe(
      '[offsite] NO FRESH ARCHIVE: bitagent, none yet',
    );
    expect(overdueMail('bitagent', [{ ...stale, subject: 'restore test' }]).subject).toBe(
      '[offsite] Restore test overdue: bitagent',
    );
    const since = new Date('2026-11-20T06:00:00Z');
    const standstill = { subject: 'retention', reason: 'because', since } as const;
    expect(overdueMail('bitagent', [standstill])).toMatchObject({
      subject: '[offsite] Retention stands still: bitagent',
      text: expect.stringContaining('because'),
    });
    // The gravest is the subject, and all of them are told.
    expect(overdueMail('bitagent', [stale, standstill])).toMatchObject({
      subject: '[offsite] NO FRESH ARCHIVE: bitagent, newest is 2.1 days old',
      text: expect.stringContaining('because'),
    });
    expect(noRetentionMail(since, new Date('2026-11-23T06:00:00Z')).subject).toBe(
      '[offsite] Retention has not run for 3.0 days',
    );
    const error = new OffsiteError('NOTHING_INTACT', 'there is none', {
      expected: 'one',
      found: 'none',
      hint: 'wait',
    });
    expect(notLaunchedMail('bitagent', error).text).toContain('expected  one');
  });
});
