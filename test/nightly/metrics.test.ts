import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { metricsOfFailure, metricsOfSuccess, metricsText, parseMetrics } from '../../lib/nightly/metrics.ts';
import { writeMetrics } from '../../lib/nightly/metrics-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-metrics-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const figures = {
  id: 'bitagent-2026-11-29-031500Z',
  plainBytes: 3000,
  compressedBytes: 1000,
  durationMs: 2500,
};
const at = new Date('2026-11-29T03:15:02.500Z');
const success = metricsOfSuccess(figures, at);
const failure = { exitCode: 4, durationMs: 100 };
const nextNight = new Date('2026-11-30T03:15:00Z');

describe('the text', () => {
  it('is Prometheus’, and is read back as it was', () => {
    const sources = new Map([
      ['bitagent', success],
      ['other', metricsOfFailure(failure, at, undefined, undefined)],
    ]);
    const text = metricsText(sources);
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(
        /^(# (HELP|TYPE) offsite_backup_\w+ .+|offsite_backup_\w+\{source="[a-z-]+"\} [\d.e+]+)$/,
      );
    expect(text).toContain('offsite_backup_last_success_timestamp_seconds{source="bitagent"} 1795922102.5\n');
    expect(text).not.toContain('last_success_timestamp_seconds{source="other"}');
    expect(parseMetrics(text)).toEqual(sources);
    // Nor is there a word of what nobody has.
    const failed = metricsOfFailure(failure, at, undefined, undefined);
    expect(metricsText(new Map([['other', failed]]))).not.toContain('last_success_timestamp_seconds');
    expect(parseMetrics('rubbish{x="y"} 1\n\n#').size).toBe(0);
  });

  it('keeps the last success over failures, or takes the agent’s own', () => {
    const after = metricsOfFailure(failure, nextNight, success, undefined);
    expect(after).toEqual({
      ...success,
      last_run_timestamp_seconds: nextNight.getTime() / 1000,
      last_run_duration_seconds: 0.1,
      last_run_exit_code: 4,
      last_run_success: 0,
    });
    expect(metricsOfFailure(failure, nextNight, undefined, figures)).toEqual(after);
  });
});

describe('the file', () => {
  it('is readable for the collector, and keeps what it says of other sources', async () => {
    const file = join(folder, 'a.prom');
    expect(await writeMetrics(file, 'bitagent', () => success)).toBeUndefined();
    expect(await writeMetrics(file, 'other', () => success)).toBeUndefined();
    expect(
      await writeMetrics(file, 'bitagent', (before) =>
        metricsOfFailure(failure, nextNight, before, undefined),
      ),
    ).toBeUndefined();
    expect(statSync(file).mode & 0o777).toBe(0o644);
    const found = parseMetrics(readFileSync(file, 'utf8'));
    expect(found.get('other')).toEqual(success);
    expect(found.get('bitagent')).toMatchObject({ last_run_success: 0, last_success_plain_bytes: 3000 });
    expect(readdirSync(folder)).toEqual(['a.prom']);
  });

  it('loses nothing of sources whose runs end at once, nor by one that was killed over it', async () => {
    const file = join(folder, 'many.prom');
    // What a killed run leaves; it was long ago.
    writeFileSync(`${file}.lock`, '');
    utimesSync(`${file}.lock`, at, at);
    const names = Array.from({ length: 12 }, (_, index) => `s${index}`);
    const warnings = await Promise.all(names.map((name) => writeMetrics(file, name, () => success)));
    expect(warnings.filter(Boolean)).toEqual([]);
    expect([...parseMetrics(readFileSync(file, 'utf8')).keys()].sort()).toEqual(names.sort());
    expect(existsSync(`${file}.lock`)).toBe(false);
    rmSync(file);
  });

  it('lies in the folder that is named, or where a link leads', async () => {
    const [inside, link] = [join(folder, 'collector'), join(folder, 'link.prom')];
    mkdirSync(inside);
    expect(await writeMetrics(inside, 'bitagent', () => success)).toBeUndefined();
    symlinkSync(join(inside, 'linked.prom'), link);
    expect(await writeMetrics(link, 'bitagent', () => success)).toBeUndefined();
    expect(readdirSync(inside).sort()).toEqual(['linked.prom', 'offsite.prom']);
  });

  it('that cannot be written is a warning, and is as it was', async () => {
    const file = join(folder, 'b.prom');
    writeFileSync(file, 'mine');
    expect(await writeMetrics(join(folder, 'no', 'x.prom'), 'bitagent', () => success)).toContain(
      'not written',
    );
    expect(await writeMetrics(join(file, 'x.prom'), 'bitagent', () => success)).toContain('not written');
    expect(existsSync(join(folder, 'no'))).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});
