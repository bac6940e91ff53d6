import { describe, expect, it } from 'vitest';
import { DumpScanner } from '../../lib/sql/scanner.ts';
import { exampleVerdictMail } from '../fixtures/manifests.ts';

function inventoryOf(dump: string) {
  const scanner = new DumpScanner();
  scanner.push(Buffer.from(dump));
  return scanner.finish();
}

describe('verdictMail', () => {
  it('advises to accept what may be right, and never what no restore takes', () => {
    const [whole, foreign] = ['SELECT 1;\n', 'PGDMP\x01\x0e'].map(inventoryOf);
    expect(foreign?.refused).toBeDefined();
    expect(exampleVerdictMail('suspicious', { inventory: whole }).text).toContain('offsite accept');
    const { text } = exampleVerdictMail('suspicious', { inventory: foreign });
    expect(text).not.toContain('offsite accept');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(foreign?.refused?.remedy);
  });

  it('says outcome, archive, what was expected and found, and what to do', () => {
    const mail = exampleVerdictMail('damaged');
    expect(mail.subject).toBe('[offsite] DAMAGED archive: bitagent-2026-11-23-031500Z');
    expect(mail.text).toContain('expected  aaa');
    expect(mail.text).toContain('found     bbb');
    expect(mail.text).toContain('What to do: Back up again now');
  });
});
