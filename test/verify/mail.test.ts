import { describe, expect, it } from 'vitest';
import { verdictSchema } from '../../lib/archive/verdict.ts';
import { DumpScanner } from '../../lib/sql/scanner.ts';
import { verdictMail } from '../../lib/verify/mail.ts';
import { exampleId } from '../fixtures/manifests.ts';

const common = {
  format: 1,
  id: exampleId.id,
  source: exampleId.source,
  versionId: null,
  etag: 'x',
  verifiedAt: '2026-11-23T03:17:00.000Z',
  durationMs: 10,
  toolVersion: '0.1.0',
  compressedBytes: 100,
  plainBytes: 0,
  deviations: [{ what: 'sha256', expected: 'aaa', found: 'bbb' }],
};

function mailOf(of: object) {
  const verdict = verdictSchema.parse({ ...common, ...of });
  if (verdict.verdict === 'intact') throw new Error('unreachable');
  return verdictMail(verdict);
}

function inventoryOf(dump: string) {
  const scanner = new DumpScanner();
  scanner.push(Buffer.from(dump));
  return scanner.finish();
}

describe('verdictMail', () => {
  it('advises to accept what may be right, and never what no restore takes', () => {
    const [whole, foreign] = ['SELECT 1;\n', 'PGDMP\x01\x0e'].map(inventoryOf);
    expect(foreign?.refused).toBeDefined();
    expect(mailOf({ verdict: 'suspicious', inventory: whole }).text).toContain('offsite accept');
    const { text } = mailOf({ verdict: 'suspicious', inventory: foreign });
    expect(text).not.toContain('offsite accept');
    expect(text.replaceAll(/\s+/g, ' ')).toContain(foreign?.refused?.remedy);
  });

  it('says outcome, archive, what was expected and found, and what to do', () => {
    const mail = mailOf({ verdict: 'damaged' });
    expect(mail.subject).toBe('[offsite] DAMAGED archive: bitagent-2026-11-23-031500Z');
    expect(mail.text).toContain('expected  aaa');
    expect(mail.text).toContain('found     bbb');
    expect(mail.text).toContain('What to do: Back up again now');
  });
});
