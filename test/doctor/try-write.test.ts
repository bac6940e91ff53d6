import { describe, expect, it } from 'vitest';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import type { ProviderName } from '../../lib/store/provider.ts';
import { content, inParts, key, patience, streamOf, stubForEach } from '../fixtures/s3-faults.ts';
import type { StubRules } from '../fixtures/s3-stub-bucket.ts';

describe.each<[string, StubRules, ProviderName, string | undefined]>([
  ['AWS', {}, 'aws', undefined],
  ['a store that knows everything', {}, 'other', undefined],
  ['Swift, which knows no If-None-Match on PutObject', { knowsNoCondition: 'put' }, 'other', 'b2'],
  ['B2, which knows no If-None-Match at all', { knowsNoCondition: 'everywhere' }, 'other', 'b2'],
  ['B2, spoken to as B2', { knowsNoCondition: 'everywhere' }, 'b2', undefined],
  ['a store that knows no checksums of AWS', { knowsNoChecksums: true }, 'aws', 'other'],
  ['the same, spoken to as another', { knowsNoChecksums: true }, 'other', undefined],
])('doctor at %s', (_, rules, provider, instead) => {
  const bench = stubForEach(rules);
  const location = () => ({
    bucket: 'vault',
    endpoint: bench.stub.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    provider,
    patience,
  });

  it('says what a back-up would meet, names the profile to choose, and leaves nothing', async () => {
    const attempt = await createVaultProbe(location(), 'bitagent').write();
    if (instead === undefined) {
      expect(attempt).toEqual({ outcome: 'done', value: { aborted: true, comparesChecksums: true } });
    } else {
      expect(attempt).toMatchObject({
        outcome: 'failed',
        error: { code: 'STORE_FAILED', hint: expect.stringContaining(`--provider ${instead} `) },
      });
    }
    expect(bench.stub.holds()).toBe('nothing');
  });

  it('is right about it: an archive and its manifest are stored, or refused', async () => {
    const store = bench.store({ provider });
    const stored = store
      .upload(key, streamOf(content(200_000)), inParts)
      .then(() => store.create('archives/bitagent/x.manifest.json', '{}'));
    if (instead === undefined) await stored;
    else await expect(stored).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});

describe('doctor', () => {
  const bench = stubForEach();
  it('tries again where the clocks differ, as a back-up does, which comes through', async () => {
    bench.stub.fail('begin', 1, { refuse: [403, 'RequestTimeTooSkewed'] });
    const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' };
    const location = { bucket: 'vault', endpoint: bench.stub.endpoint, region: 'us-east-1', credentials };
    expect(await createVaultProbe(location, 'bitagent').write()).toMatchObject({ outcome: 'done' });
  });

  it('passes no refusal off as a dialect', async () => {
    bench.stub.fail('part', [1, 1e6], { refuse: [403, 'AccessDenied'] });
    const probe = createVaultProbe(
      {
        bucket: 'vault',
        endpoint: bench.stub.endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      },
      'bitagent',
    );
    expect(await probe.write()).toMatchObject({ outcome: 'refused', error: { code: 'CREDENTIALS_REFUSED' } });
    expect(bench.stub.holds()).toBe('nothing');
  });
});
