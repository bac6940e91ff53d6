import { describe, expect, it } from 'vitest';
import { summarizeReport } from '../../lib/report/terminal.ts';
import * as samples from '../fixtures/reports.ts';

const now = new Date('2026-11-25T05:00:00.000Z');
const summarize = ({ report, history }: samples.Sample) => summarizeReport(report, history.tests, now);

describe('a report in a terminal', () => {
  it('that passed', () => {
    expect(summarize(samples.settled)).toMatchInlineSnapshot(`
      "PASSED  bitagent-2026-11-22-031500Z
      tested 2026-11-23 05:00 UTC, 2.0 days ago

      This archive can be restored; one check warns.

        ok  SELECT count(*) FROM torrents;  1,204,332, as dumped
        ok  11 tables                       18,491,123 rows, every table as dumped
        ok  99 indexes, 48 constraints      all there by name, and all else too
        ok  12 checks                       11 pass, 1 warns
        ok  the bytes                       sha256 as the agent wrote them

        restore time  12 min 30 s, 43.5 s longer than the last time
        in all        13 min 11 s

      Checks: 11 pass, 1 warns

        warn  content_link  31204 torrents not classified yet: more than one in fifty
      "
    `);
  });

  it('that is the first', () => {
    expect(summarize(samples.first)).toMatchInlineSnapshot(`
      "PASSED  bitagent-2026-11-22-031500Z
      tested 2026-11-23 05:00 UTC, 2.0 days ago

      This archive can be restored.

        ok  SELECT count(*) FROM torrents;  1,204,332, as dumped
        ok  11 tables                       18,491,123 rows, every table as dumped
        ok  99 indexes, 48 constraints      all there by name, and all else too
        ok  12 checks                       12 pass
        ok  the bytes                       sha256 as the agent wrote them

        restore time  12 min 30 s
        in all        13 min 11 s
      "
    `);
  });

  it('that found differences', () => {
    expect(summarize(samples.differing)).toMatchInlineSnapshot(`
      "FAILED  bitagent-2026-11-22-031500Z
      tested 2026-11-23 05:00 UTC, 2.0 days ago

      This archive did NOT pass its restore test.

      What came back is not what was dumped.

        expected  public.goose_db_version: 61
                  indexes: 99, constraints: 48
        found     public.goose_db_version: 60
                  indexes: 97, constraints: 48
        code      RESTORE_FAILED

      What to do: look at what runs pg_dump, and at the archive's verdict.

        ok  SELECT count(*) FROM torrents;  1,204,332, as dumped
        NO  11 tables                       not as dumped: public.goose_db_version,
                                            public.key_values
        NO  97 indexes, 48 constraints      not as dumped: indexes
        NO  12 checks                       10 pass, 1 warns, 1 fails
        ok  the bytes                       sha256 as the agent wrote them

        in all  13 min 11 s

      Checks: 10 pass, 1 warns, 1 fails

        FAIL  gin_indexes   content_tsv_idx, torrent_contents_tsv_idx: two of four
        warn  content_link  31204 torrents not classified yet: more than one in fifty
      "
    `);
  });

  it('that failed in the middle of the dump', () => {
    expect(summarize(samples.broken)).toMatchInlineSnapshot(`
      "FAILED  bitagent-2026-11-22-031500Z
      tested 2026-11-23 05:00 UTC, 2.0 days ago

      This archive did NOT pass its restore test.

      The dump does not restore.

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

      What to do: look at the disk of the host: an index of the live database that no
      longer knows its table lets duplicates in (REINDEX TABLE torrents).

        -   SELECT count(*) FROM torrents;     the test did not come so far
        -   rows of every table                the test did not come so far
        -   indexes, constraints and all else  the test did not come so far
        -   the bytes' sha256                  the test did not come so far

        in all  1 min 34 s
      "
    `);
  });

  it('shows the commands of a hostile database instead of obeying them', () => {
    const { report, history } = samples.hostile;
    const text = summarizeReport({ ...report, source: 'x' }, history.tests, now);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are looked for.
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  });
});
