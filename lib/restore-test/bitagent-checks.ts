// The checks that every BitAgent database must pass after a restore, as text of the form that operators write their own
// in: `offsite restore-test --print-checks` shows it. A module and no file, so that no bundle can lack it.

export const bitagentChecks = `-- What a restored BitAgent database must show. The restore test runs each of these after the comparison with the
-- inventory; a file of your own takes the same form.
--
-- Each check begins with a line -- check: NAME, or -- check: NAME, warns where a failure proves nothing wrong. One that
-- names a table or a function that was never dumped does not apply; so does -- check: NAME, needs TABLE without it. Its
-- last statement gives one row: passed (a boolean, or the text pass, warn or fail) and what was found. It runs read-only
-- and may ask for:
--   current_setting('offsite.dumped_at')::timestamptz   when the dump began, by the host's clock
--   current_setting('offsite.torrents')::bigint         rows of torrents in the dump; -1 where that is not known
--   current_setting('offsite.none_accepted')::boolean   whether the operator has accepted the archive without a torrent

-- check: torrents_count
SELECT (count(*) > 0 OR current_setting('offsite.none_accepted')::boolean)
    AND current_setting('offsite.torrents')::bigint IN (-1, count(*)),
  count(*) || ' rows, dumped ' || current_setting('offsite.torrents') FROM torrents;

-- check: goose_version
SELECT CASE WHEN count(*) = 0 OR NOT bool_and(is_applied) OR count(*) <> count(DISTINCT version_id) THEN 'fail'
            WHEN max(version_id) + 1 <> count(*) THEN 'warn' ELSE 'pass' END,
  'version ' || coalesce(max(version_id)::text, 'none') || ' in ' || count(*) || ' rows' FROM goose_db_version;

-- check: extensions
SELECT count(*) = 2, coalesce(string_agg(extname || ' ' || extversion, ', ' ORDER BY extname), 'none')
FROM pg_extension WHERE extname IN ('pg_trgm', 'btree_gin');

-- check: enum_types
SELECT count(*) FILTER (WHERE e.oid IS NULL) = 0,
  coalesce('missing: ' || string_agg(wanted.type || ' ' || label, ', ') FILTER (WHERE e.oid IS NULL), count(*) || ' labels')
FROM (VALUES ('FilesStatus', 'no_info'), ('FilesStatus', 'single'), ('FilesStatus', 'multi'),
  ('FilesStatus', 'over_threshold'), ('queue_job_status', 'pending'), ('queue_job_status', 'processed'),
  ('queue_job_status', 'retry'), ('queue_job_status', 'failed')) wanted(type, label)
LEFT JOIN pg_type t ON t.typname = wanted.type AND t.typnamespace = 'public'::regnamespace
LEFT JOIN pg_enum e ON e.enumtypid = t.oid AND e.enumlabel = label;

-- The newest row against the dump's time: an old one means that the crawler stood still, or that the wrong database
-- (a replica that is left behind, last year's) was dumped.
-- check: freshness
SELECT CASE WHEN max(created_at) > dumped_at - interval '36 hours' THEN 'pass'
            WHEN max(created_at) > dumped_at - interval '7 days' THEN 'warn' ELSE 'fail' END,
  'newest row ' || coalesce(max(created_at)::timestamptz(0)::text, 'none') || ', dumped ' || dumped_at::timestamptz(0)
FROM torrents, (SELECT current_setting('offsite.dumped_at')::timestamptz AS dumped_at) d GROUP BY dumped_at
UNION ALL SELECT CASE WHEN current_setting('offsite.none_accepted')::boolean THEN 'pass' ELSE 'fail' END, 'no rows'
WHERE NOT EXISTS (SELECT FROM torrents);

-- check: no_future_rows
SELECT coalesce(max(created_at) <= current_setting('offsite.dumped_at')::timestamptz + interval '1 hour', true),
  'newest row ' || coalesce(max(created_at)::timestamptz(0)::text, 'none') FROM torrents;

-- check: hash_length
SELECT count(*) = 0, count(*) || ' rows not 20 bytes' FROM torrents WHERE octet_length(info_hash) <> 20;

-- check: constraints_valid
SELECT count(*) FILTER (WHERE NOT convalidated) = 0 AND count(*) FILTER (WHERE contype = 'f') > 0,
  count(*) FILTER (WHERE contype = 'f') || ' foreign keys, ' || count(*) FILTER (WHERE contype = 'p')
    || ' primary keys, ' || count(*) FILTER (WHERE NOT convalidated) || ' not valid'
    || coalesce(': ' || string_agg(conname, ', ' ORDER BY conname) FILTER (WHERE NOT convalidated), '')
FROM pg_constraint WHERE connamespace = 'public'::regnamespace;

-- check: indexes_valid
SELECT count(*) FILTER (WHERE NOT indisvalid OR NOT indisready) = 0 AND count(*) > 0, count(*) || ' indexes, with those of keys'
    || coalesce('; not valid: ' || string_agg(relname, ', ' ORDER BY relname) FILTER (WHERE NOT indisvalid OR NOT indisready), '')
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'i';

-- check: gin_indexes
SELECT count(*) > 0, coalesce(string_agg(c.relname, ', ' ORDER BY c.relname), 'none')
FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'gin' AND c.relnamespace = 'public'::regnamespace;

-- check: source_link
SELECT count(*) = 0, count(*) || ' torrents without a source row' FROM torrents t
WHERE NOT EXISTS (SELECT FROM torrents_torrent_sources s WHERE s.info_hash = t.info_hash);

-- check: content_link, warns
SELECT count(*) <= greatest(100, (SELECT count(*) FROM torrents) / 50), count(*) || ' torrents not classified yet'
FROM torrents t WHERE NOT EXISTS (SELECT FROM torrent_contents c WHERE c.info_hash = t.info_hash);

-- check: tsv_populated
SELECT count(*) = 0, count(*) || ' rows with no tsv' FROM torrent_contents WHERE tsv IS NULL OR tsv = ''::tsvector;

-- check: generated_id
SELECT count(*) = 0, count(*) || ' ids disagree' FROM (SELECT * FROM torrent_contents TABLESAMPLE SYSTEM (5)) c
WHERE id <> concat_ws(':', encode(info_hash, 'hex'), coalesce(content_type, '?'), coalesce(content_source, '?'),
  coalesce(content_id, '?'));

-- check: file_rows
SELECT count(*) = 0, count(*) || ' of 500 sampled torrents disagree with files_count' FROM
  (SELECT info_hash, files_count FROM torrents WHERE files_status = 'multi' ORDER BY info_hash LIMIT 500) t
WHERE files_count IS NOT NULL
  AND files_count <> (SELECT count(*) FROM torrent_files f WHERE f.info_hash = t.info_hash);

-- check: orphan_evidence
SELECT count(*) = 0, count(*) || ' labels without evidence' FROM torrent_canonical_labels l
WHERE resolved_from IS NOT NULL AND NOT EXISTS (SELECT FROM label_evidence e WHERE e.id = l.resolved_from);

-- check: sequences_ahead
SELECT coalesce(last_value, 0) >= (SELECT coalesce(max(id), 0) FROM label_evidence),
  'label_evidence_id_seq at ' || coalesce(last_value::text, 'unused')
FROM pg_sequences WHERE sequencename = 'label_evidence_id_seq';

-- A sequence that is behind its table gives the next row a key that is taken.
-- check: all_sequences_ahead
SELECT count(*) FILTER (WHERE newest > coalesce(at, 0)) = 0,
  count(*) || ' sequences' || coalesce('; behind: ' || string_agg(name, ', ') FILTER (WHERE newest > coalesce(at, 0)), '')
FROM (
  SELECT s.oid::regclass::text AS name, pg_sequence_last_value(s.oid) AS at, (xpath('/row/newest/text()', query_to_xml(
    format('SELECT max(%I) AS newest FROM %s', a.attname, a.attrelid::regclass), false, true, '')))[1]::text::bigint AS newest
  FROM pg_class s
  JOIN pg_sequence q ON q.seqrelid = s.oid AND q.seqincrement > 0 AND NOT q.seqcycle
  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i')
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE s.relkind = 'S'
) sequences;

-- check: blocklist_lob
SELECT count(*) FILTER (WHERE m.oid IS NULL) = 0
    AND (SELECT count(*) FROM pg_largeobject_metadata) >= count(b.oid),
  count(*) || ' filters, '
    || coalesce(sum(octet_length(CASE WHEN m.oid IS NOT NULL THEN lo_get(b.oid) END)), 0) || ' bytes'
FROM bloom_filters b LEFT JOIN pg_largeobject_metadata m ON m.oid = b.oid WHERE b.oid IS NOT NULL;

-- check: trigger_enabled, needs queue_announce_job
SELECT count(*) FILTER (WHERE tgenabled = 'O') = 1, 'queue_announce_job '
  || CASE max(tgenabled::text) WHEN 'O' THEN 'enabled' WHEN 'D' THEN 'DISABLED' ELSE coalesce(max(tgenabled::text), 'missing') END
FROM pg_trigger WHERE tgname = 'queue_announce_job' AND NOT tgisinternal;

-- check: budgeted_count
SELECT (b).count > 0 OR current_setting('offsite.none_accepted')::boolean, 'count ' || (b).count || ', estimate ' || (b).budget_exceeded
FROM (SELECT budgeted_count('SELECT 1 FROM torrents', 5000) AS b) x;

-- The application writes the hex info hash into tsv with weight A: every sampled row must be found by its own hash.
-- check: search_finds_self
SELECT count(*) = count(hit) AND (count(*) > 0 OR current_setting('offsite.none_accepted')::boolean), count(hit) || ' of ' || count(*) || ' sampled' FROM (
  SELECT info_hash, (SELECT 1 FROM torrent_contents c
    WHERE c.tsv @@ (encode(s.info_hash, 'hex') || ':A')::tsquery AND c.info_hash = s.info_hash LIMIT 1) AS hit
  FROM (SELECT info_hash FROM torrent_contents ORDER BY info_hash LIMIT 50) s) q;
`;
