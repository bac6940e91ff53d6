import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Night, noticesOf } from '../../lib/nightly/night.ts';
import { sendNotices } from '../../lib/nightly/send.ts';
import { type Receiver, startReceiver, type Way } from '../fixtures/web-receiver.ts';

/** An attempt is longer than a busy machine may take to answer. */
const limits = { attemptMs: 2000, allMs: 20_000, pauseMs: 1 };
const stored = { id: 'bitagent-2026-11-29-031500Z', plainBytes: 3000, compressedBytes: 1000 };
const night: Night = {
  outcome: 'stored',
  source: 'bitagent',
  durationMs: 2000,
  log: 'all went well',
  stored,
};
const failure: Night = {
  outcome: 'failed',
  source: 'bitagent',
  durationMs: 2000,
  log: 'it hurts',
  exitCode: 3,
};
const begun: Night = { outcome: 'begun', source: 'bitagent', durationMs: 0, log: '' };

describe('what is sent', () => {
  const all = {
    pingUrl: 'https://hc.example/ping/uuid/?create=1',
    ntfyUrl: 'https://ntfy.example/t',
    webhookUrl: 'https://w.example/x',
  };
  const urls = (one: Night, notify: 'failures' | 'always') =>
    noticesOf(one, { ...all, notify }).map(({ url }) => url);

  it('goes below the URL of Healthchecks, whatever stands behind it', () => {
    expect(urls(begun, 'always')).toEqual(['https://hc.example/ping/uuid/start?create=1']);
    expect(urls(night, 'failures')).toEqual(['https://hc.example/ping/uuid?create=1']);
    expect(urls(failure, 'failures')[0]).toBe('https://hc.example/ping/uuid/3?create=1');
  });

  it('goes to the others of failures, or always', () => {
    expect(urls(failure, 'failures').slice(1)).toEqual([all.ntfyUrl, all.webhookUrl]);
    expect(urls(night, 'always').slice(1)).toEqual([all.ntfyUrl, all.webhookUrl]);
    expect(noticesOf(failure, { notify: 'always' })).toEqual([]);
  });

  it('says what each of them understands', () => {
    const [ping, ntfy, webhook] = noticesOf(
      { ...failure, log: `${'x'.repeat(20_000)}end` },
      { ...all, notify: 'failures' },
    );
    expect(ping?.body).toHaveLength(10_000);
    expect(ping?.body).toMatch(/xend$/);
    expect(ntfy?.headers).toMatchObject({
      title: 'offsite: BACK-UP FAILED: bitagent, exit code 3',
      priority: 'high',
    });
    const json = JSON.parse(webhook?.body ?? '');
    expect(json).toMatchObject({
      outcome: 'failed',
      source: 'bitagent',
      exitCode: 3,
      text: expect.stringContaining('FAILED'),
    });
    expect(json.content.length).toBeLessThanOrEqual(2000);
  });
});

describe('a receiver', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver();
  });
  afterAll(() => receiver.stop());
  const send = (pingUrl = `${receiver.url}/secret`, allMs = limits.allMs) =>
    sendNotices(noticesOf(night, { pingUrl, notify: 'failures' }), { ...limits, allMs });

  it.each<[string, Way[], number, string | undefined]>([
    ['that takes it', [200], 1, undefined],
    ['that has a fault first', [500, 503, 200], 3, undefined],
    ['that is cut off first', ['cut', 200], 2, undefined],
    ['that says nothing at first', ['silence', 200], 2, undefined],
    ['that has too much to do', [429, 202], 2, undefined],
    ['that does not know it', [404], 1, 'HTTP 404'],
    ['that sends elsewhere', [302], 1, 'HTTP 302'],
  ])('%s', async (_, ways, times, found) => {
    receiver.answer(...ways);
    const told = await send();
    expect(receiver.received).toHaveLength(times);
    expect(receiver.received[0]).toMatchObject({ path: '/secret', body: 'all went well' });
    if (found === undefined) expect(told).toEqual([]);
    else expect(told).toEqual([`${receiver.url}/… did not take word of this run: ${found}`]);
  });

  it.each<[string, Way, RegExp]>([
    ['that never answers', 'silence', /no answer in time$/],
    ['that is always in trouble', 500, /HTTP 500$/],
  ])('%s is given up', async (_, way, found) => {
    receiver.answer(way);
    const [told] = await send(undefined, 1500);
    expect(told).toMatch(found);
    expect(told).not.toContain('secret');
  });

  it('that is not there is given up', async () => {
    const gone = await startReceiver();
    await gone.stop();
    expect((await send(gone.url, 1500))[0]).toMatch(/ECONNREFUSED$/);
  });
});
