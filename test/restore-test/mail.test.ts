import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RestoreReport } from '../../lib/report/report.ts';
import { summarizeReport } from '../../lib/report/terminal.ts';
import { restoreTestMail } from '../../lib/restore-test/mail.ts';
import * as samples from '../fixtures/reports.ts';

const reports = Object.entries({
  settled: samples.settled.report,
  first: samples.first.report,
  differing: samples.differing.report,
  broken: samples.broken.report,
  early: samples.early.report,
  hostile: samples.hostile.report,
});

describe('the mail of a restore test', () => {
  it('that passed', () => {
    const { subject, text } = restoreTestMail(samples.settled.report, {
      costUsd: 0.031,
      pageUrl: 'https://console.example/page',
    });
    expect(subject).toBe(
      '[offsite] Restore test passed: bitagent, 18,491,123 rows in 12 min 30 s, 1 warning',
    );
    expect(text).toMatchInlineSnapshot(`
      "This archive can be restored; one check warns. Look at what warns.
      Restored in 12 min 30 s; the whole test took 13 min 11 s and cost about $0.03.

        ok  SELECT count(*) FROM torrents;  1,204,332, as dumped
        ok  11 tables                       18,491,123 rows, every table as dumped
        ok  99 indexes, 48 constraints      all there by name, and all else too
        ok  12 checks                       11 pass, 1 warns
        ok  the bytes                       sha256 as the agent wrote them
        warns: content_link: 31204 torrents not classified yet: more than one in fifty

      The rest, as a page with pictures and how it has gone so far:

        offsite report bitagent-2026-11-22-031500Z --open
        https://console.example/page
      "
    `);
  });

  it('that passed without a warning says that there is nothing to do', () => {
    const { subject, text } = restoreTestMail(samples.first.report);
    expect(subject).toBe(
      '[offsite] Restore test passed: bitagent, 1,204,332 torrents, 18,491,123 rows in 12 min 30 s',
    );
    expect(text.slice(0, text.indexOf('\n\n'))).toMatchInlineSnapshot(`
      "This archive can be restored. There is nothing to do.
      Restored in 12 min 30 s; the whole test took 13 min 11 s."
    `);
  });

  it('that passed is ten lines and where the rest is, whatever it has to say', () => {
    const skipped = { statements: 30, first: [{ line: 1, what: 'CREATE x', why: 'no '.repeat(60) }] };
    for (const source of ['bitagent', 'a'.repeat(40)]) {
      for (const warnings of [0, 1, 2, 3, 80]) {
        for (const more of [
          {},
          { skipped },
          { skipped, lacks: [{ what: 'views', expected: '1', found: '0' }] },
        ]) {
          const checks = samples.passed.checks.map((one) => ({ ...one, outcome: 'pass' as const }));
          const warn = { ...checks[0], name: 'own\nname', outcome: 'warn', detail: 'x\ny'.repeat(60) };
          const report = {
            ...samples.passed,
            ...more,
            source,
            checks: [...checks, ...Array(warnings).fill(warn)],
          };
          const { subject, text } = restoreTestMail(report);
          const [head = '', rest = ''] = text.split('\n\nThe rest');
          expect(head.split('\n').length).toBeLessThanOrEqual(10);
          expect(Math.max(...head.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
          expect(rest.split('\n').filter(Boolean)).toHaveLength(2);
          expect(subject).toMatch(
            /^\[offsite\] Restore test passed: [a-z.]+, .*18,491,123 rows in 12 min 30 s/,
          );
          expect(head.match(/^ {2}warns: /gm)?.length ?? 0).toBeLessThanOrEqual(warnings);
          if (warnings > 2) expect(head).toMatch(/ more$|what archives before had/m);
        }
      }
    }
  });

  it('that came to a point, or did not: that is told first, and the archive is not blamed', () => {
    const checks = [
      { name: 'amcheck', outcome: 'pass', detail: '12 tables, 30 B-trees', origin: 'shipped', durationMs: 1 },
    ] as const;
    const point = {
      outcome: 'passed' as const,
      seed: '0badc0de',
      durationMs: 125_000,
      baseBackup: 'bitagent-2026-11-22-020000Z',
      window: { from: '2026-11-22 02:01:00+00', until: '2026-11-23 04:00:00+00' },
      target: '2026-11-22 19:12:44.120001+00',
      timeline: 1,
      lastTransactionAt: '2026-11-22 19:12:43.9+00',
      checks: [...checks],
    };
    const passed = restoreTestMail({ ...samples.first.report, point });
    expect(passed.subject).toMatch(/^\[offsite\] Restore test passed: bitagent, /);
    expect(passed.text).toMatch(/ok {2}recovery to a point in time {5}the last transaction by 2026-11-22 /);
    const told = summarizeReport({ ...samples.first.report, point }, [], new Date());
    expect(told.slice(told.indexOf('Recovery to'))).toContain(
      [
        'Recovery to a point passed, in 2 min 5 s.',
        '',
        '  from     bitagent-2026-11-22-020000Z',
        '  window   2026-11-22 02:01:00+00 to 2026-11-23 04:00:00+00',
        '  point    the last transaction by 2026-11-22 19:12:44.120001+00, by the seed',
        '           0badc0de',
        '  reached  last transaction 2026-11-22 19:12:43.9+00',
        '  amcheck  pass: 12 tables, 30 B-trees',
        '  by hand  offsite restore bitagent-2026-11-22-020000Z --to-time',
        '           2026-11-22T19:12:44.120001Z --timeline 1 --data-directory DIR',
      ].join('\n'),
    );
    const failure = {
      code: 'WAL_MISSING',
      message: '1 segment of the log missing',
      expected: 'a point from 2026-11-22T02:01:00.000Z on',
      found: '000000010000000000000007',
      hint: 'look for what is missing, and ship it',
    };
    const { subject, text, faults } = restoreTestMail({
      ...samples.first.report,
      point: {
        outcome: 'failed',
        seed: '0badc0de',
        durationMs: 900,
        baseBackup: point.baseBackup,
        checks: [],
        failure,
      },
    });
    expect(subject).toBe('[offsite] RECOVERY TO A POINT FAILED: bitagent: 1 segment of the log missing');
    expect(faults).toEqual(['pointTestFailed']);
    expect(text).toMatch(
      /^1 segment of the log missing\.\n\nWhat to do: look for what is missing, and ship it\.\n/,
    );
    expect(text).toContain('This archive can be restored; the recovery to a point FAILED.');
    expect(text).not.toContain('There is nothing to do');
  });

  it('that found differences', () => {
    const { subject, text } = restoreTestMail(samples.differing.report, { costUsd: 0.031 });
    expect(subject).toMatchInlineSnapshot(
      `"[offsite] RESTORE TEST FAILED: bitagent, 1,204,332 torrents: what came back is not what was dumped"`,
    );
    expect(text).toMatchInlineSnapshot(`
      "What came back is not what was dumped. This archive did NOT pass its restore
      test.

      Your database and the other archives are as they were.

      What to do: look at what runs pg_dump, and at the archive's verdict.

        archive   bitagent-2026-11-22-031500Z
        expected  public.goose_db_version: 61
                  indexes: 99, constraints: 48
        found     public.goose_db_version: 60
                  indexes: 97, constraints: 48
        code      RESTORE_FAILED

      indexes that did not come back: torrents_name_trgm_idx,
      torrent_files_path_trgm_idx

      Do not rely on this archive until a test of it has passed.

        offsite verify bitagent-2026-11-22-031500Z
          reads its bytes again
        offsite list --source bitagent
          shows the others
        offsite backup
          on the host takes a new one

      The test took 13 min 11 s and cost about $0.03.

        ok  SELECT count(*) FROM torrents;  1,204,332, as dumped
        NO  11 tables                       not as dumped: public.goose_db_version,
                                            public.key_values
        NO  97 indexes, 48 constraints      not as dumped: indexes
        NO  12 checks                       10 pass, 1 warns, 1 fails
        ok  the bytes                       sha256 as the agent wrote them

      Checks: 10 pass, 1 warns, 1 fails

        FAIL  gin_indexes              content_tsv_idx, torrent_contents_tsv_idx: two
                                       of four
        warn  content_link             31204 torrents not classified yet: more than
                                       one in fifty
        pass  torrents_count           1204332 rows, recorded 1204332
        pass  goose_version            max 60 of 61 rows
        pass  extensions               btree_gin 1.3, pg_trgm 1.6
        pass  freshness                2026-11-22 03:14:41+00
        pass  no_future_rows           2026-11-22 03:14:41+00
        pass  constraints_valid        19 fk, 25 pk, 0 not valid
        pass  indexes_valid            124 indexes, with those of keys
        pass  sequences_ahead          label_evidence_id_seq at 901220
        pass  search_finds_self        200 of 200 sampled
        pass  my_favourites_are_there  112 of 112

      The rest, as a page with pictures and how it has gone so far:

        offsite report bitagent-2026-11-22-031500Z --open

      What was tested

        archive   bitagent-2026-11-22-031500Z
        dumped    2026-11-22 03:15 UTC
        tested    2026-11-23 05:00 UTC, 26 h after the dump
        took      13 min 11 s in all
        restored  by 2 sessions at the same time
        database  6.6 GiB on disk
        bytes     834 MiB compressed, 3.9 GiB plain
        object    archives/bitagent/bitagent-2026-11-22-031500Z.sql.gz
        version   3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY
        ETag      c355e1f8c82d81f295ca6ccd925388cb-105
        server    PostgreSQL 16.4, thrown away afterwards
        task      2 vCPU, 4.0 GiB memory, 40 GiB disk
        memory    134 MiB at most, of the program itself
        disk      8.3 GiB of 39.1 GiB at most
        tool      bitagent-offsite 0.1.0
        report    reports/bitagent/bitagent-2026-11-22-031500Z/2026-11-23-050000Z.json

      How long it took

        stage         time        when
        start server  2.1 s       #.......................................
        download      6 min 1 s   ##################......................
        inflate       6 min 1 s   ##################......................
        load          6 min 6 s   ###################.....................
        indexes       6 min 24 s  ..................####################..
        compare       24.0 s      ......................................#.
        checks        14.6 s      .......................................#

      Rows of every table

        table                                dumped    restored
        public.torrents                   1,204,332   1,204,332
        public.torrent_files             13,461,207  13,461,207
        public.torrent_contents           1,198,004   1,198,004
        public.torrents_torrent_sources   1,310,422   1,310,422
        public.content                       84,210      84,210
        public.content_attributes           311,554     311,554
        public.label_evidence               901,220     901,220
        public.queue_jobs                    20,112      20,112
        public.bloom_filters                      1           1
        public.goose_db_version                  61          60  DIFFERS
        public.key_values                         4           -  NOT THERE

      Everything else

        objects        dumped  restored
        tables             25        25
        indexes            99        97  DIFFERS
        constraints        48        48
        triggers            1         1
        sequences           4         4
        extensions          2         2
        types               2         2
        functions           3         3
        views               0         0
        large objects       1         1
      "
    `);
  });

  it('that failed in the middle of the dump', () => {
    const { subject, text } = restoreTestMail(samples.broken.report);
    expect(subject).toMatchInlineSnapshot(
      `"[offsite] RESTORE TEST FAILED: bitagent: the dump does not restore"`,
    );
    expect(text).toMatchInlineSnapshot(`
      "The dump does not restore. This archive did NOT pass its restore test.

      Your database and the other archives are as they were.

      What to do: look at the disk of the host: an index of the live database that no
      longer knows its table lets duplicates in (REINDEX TABLE torrents).

        archive    bitagent-2026-11-22-031500Z
        expected   psql ends with exit code 0
        found      psql:<stdin>:8123441: ERROR:  duplicate key value violates unique
                   constraint "torrents_pkey"
                   DETAIL:  Key
                   (info_hash)=(\\x1f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b081f8b08)
                   already exists.
                   CONTEXT:  COPY torrents, line 77120:
                   "\\\\xa1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4"
        line       8,123,441 of the plain dump
        statement  COPY public.torrents (info_hash, name, size, private, created_at,
                   updated_at, files_status, extension, files_count) FROM stdin;
        code       RESTORE_FAILED

      Do not rely on this archive until a test of it has passed.

        offsite verify bitagent-2026-11-22-031500Z
          reads its bytes again
        offsite list --source bitagent
          shows the others
        offsite backup
          on the host takes a new one

      The test took 1 min 34 s.

      The rest, as a page with pictures and how it has gone so far:

        offsite report bitagent-2026-11-22-031500Z --open

      What was tested

        archive  bitagent-2026-11-22-031500Z
        dumped   2026-11-22 03:15 UTC
        tested   2026-11-23 05:00 UTC, 26 h after the dump
        took     1 min 34 s in all
        bytes    834 MiB compressed, 3.9 GiB plain
        object   archives/bitagent/bitagent-2026-11-22-031500Z.sql.gz
        version  3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY
        ETag     c355e1f8c82d81f295ca6ccd925388cb-105
        server   PostgreSQL 16.4, thrown away afterwards
        tool     bitagent-offsite 0.1.0
        report   reports/bitagent/bitagent-2026-11-22-031500Z/2026-11-23-050000Z.json

      How long it took

        stage         time        when
        start server  2.1 s       #.......................................
        download      1 min 31 s  ########################################
        inflate       1 min 31 s  ########################################
        load          1 min 31 s  .#######################################
      "
    `);
  });

  it('that broke off blames its surroundings, and not the archive', () => {
    const { report } = samples.broken;
    const failure = {
      ...samples.failure,
      code: 'RESTORE_DISK_FULL',
      message: 'the disk of the server is full',
    };
    const { subject, text } = restoreTestMail({ ...report, outcome: 'failed', failure });
    expect(subject).toBe('[offsite] RESTORE TEST FAILED: bitagent: the disk of the server is full');
    const [first = ''] = text.split('\n\n');
    expect(first.split('\n')).toHaveLength(2);
    expect(first.replaceAll('\n', ' ')).toBe(
      'The disk of the server is full. The restore test broke off: nothing is proven of this archive.',
    );
    expect(text).toContain(`offsite restore-test ${report.id}\n`);
    expect(text).not.toContain('Do not rely');
  });

  it('that could not begin', () => {
    const { subject, text } = restoreTestMail(samples.early.report);
    expect(subject).toMatchInlineSnapshot(`"[offsite] RESTORE TEST FAILED: bitagent: the archive is gone"`);
    expect(text).toMatchInlineSnapshot(`
      "The archive is gone. This archive did NOT pass its restore test.

      Your database and the other archives are as they were.

      What to do: find out who deleted it (CloudTrail), and back up again now.

        archive   bitagent-2026-11-22-031500Z
        expected  an object archives/bitagent/bitagent-2026-11-22-031500Z.sql.gz
        found     none
        code      ARCHIVE_MISSING

      Do not rely on this archive until a test of it has passed.

        offsite verify bitagent-2026-11-22-031500Z
          reads its bytes again
        offsite list --source bitagent
          shows the others
        offsite backup
          on the host takes a new one

      The test took 900 ms.

      The rest, as a page with pictures and how it has gone so far:

        offsite report bitagent-2026-11-22-031500Z --open

      What was tested

        archive  bitagent-2026-11-22-031500Z
        dumped   2026-11-22 03:15 UTC
        tested   2026-11-23 05:00 UTC, 26 h after the dump
        took     900 ms in all
        tool     bitagent-offsite 0.1.0
        report   reports/bitagent/bitagent-2026-11-22-031500Z/2026-11-23-050000Z.json
      "
    `);
  });

  it.each(reports)('fits a subject of SNS and a window of 80 columns: %s', (_, report) => {
    const { subject, text } = restoreTestMail(report);
    expect(subject).toMatch(/^[\x20-\x7e]{1,100}$/);
    // A word that is too long stays whole: it may be an address.
    expect(text.split('\n').filter((line) => line.length > 80 && line.trim().includes(' '))).toEqual([]);
  });

  it('fits a window of 80 columns whatever the checks say', () => {
    const words = fc
      .array(fc.stringMatching(/^[a-z0-9:]{1,12}$/), { maxLength: 60 })
      .map((all) => all.join(' '));
    const checks = fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z_]{1,60}$/),
        outcome: fc.constantFrom('pass', 'warn', 'fail'),
        detail: words,
        origin: fc.constant('own'),
        durationMs: fc.constant(1),
      }),
    );
    fc.assert(
      fc.property(checks, (some) => {
        const { text } = restoreTestMail({ ...samples.differing.report, checks: some } as RestoreReport);
        expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
        for (const { name, detail } of some) {
          expect(text).toContain(name);
          for (const word of detail.split(' ')) expect(text).toContain(word);
        }
      }),
    );
  });

  it('holds no command for a terminal', () => {
    const [check] = samples.passed.checks;
    const detail = '\u001b[2J\u001b]0;owned\u0007 \u009b31m\u202e';
    const { text } = restoreTestMail({ ...samples.passed, checks: check ? [{ ...check, detail }] : [] });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are looked for.
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });
});
