// What must not pass for a back-up: bytes that changed in the vault, and a dump that died half-way.

import { Upload } from '@aws-sdk/lib-storage';
import { archiveIdAt, parseArchiveId } from '../../archive/names.ts';
import { exitCodes } from '../../base/errors.ts';
import { formatCount } from '../../base/quantities.ts';
import { query } from '../../postgres/programs.ts';
import type { Night } from '../stage/keeper.ts';
import { keysBelow, runOffsite } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { keysOf, manifestOf, readBytes, verdictOn } from './evidence.ts';
import { storeManifest } from './fifteen-nights.ts';
import { listArchives } from './first-night.ts';

/** The local S3 takes no more in one piece. */
const partBytes = 8 * 1024 * 1024;

/** Flips one bit in the middle of a newer copy of an archive: its manifest speaks of the bytes before that. */
export async function flipBit(scene: Scene, { stage, database, keeper, id: intact }: Night): Promise<void> {
  const { s3, aws } = stage;
  const { id } = archiveIdAt(parseArchiveId(intact).source, new Date());
  const bytes = await readBytes(stage, keysOf(intact).archive);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  const params = { Bucket: aws.bucket, Key: keysOf(id).archive, Body: bytes };
  const stored = await new Upload({ client: s3, params, partSize: partBytes }).done();
  await storeManifest(stage, await manifestOf(stage, intact), id, stored.ETag ?? '');
  scene.say(
    `A newer archive, ${id}, with one bit flipped in byte ${formatCount(at)} of ${formatCount(bytes.length)}.`,
  );

  const mailsBefore = (await keeper.mails()).length;
  scene.check('judged', [{ id, verdict: 'damaged', isNew: true }], await keeper.verify(scene));
  const verdict = await verdictOn(stage, id);
  scene.check('verdict', 'damaged', verdict.verdict);
  const mails = (await keeper.mails()).slice(mailsBefore);
  scene.check('alerts', 1, mails.length);
  const [{ subject, text } = { subject: '', text: '' }] = mails;
  scene.check(
    'the alert names the archive and the verdict',
    [true, true],
    [subject.includes(id), /damaged/i.test(subject)],
  );
  scene.quote(`Subject: ${subject}\n\n${text}`);
  const latest = (await listArchives(stage, database)).find((listed) => listed.latest)?.id;
  scene.check("'latest'", intact, latest);
  scene.say(`'latest' is ${latest} still: never the newest at all, always the newest intact.`);
  scene.figures({ id, verdict: verdict.verdict, subject });
  scene.summarize('damaged, alert mailed, latest unmoved');
}

/** Kills the dump's session while the server copies the torrents to it. */
export async function killDump(scene: Scene, { stage, database, keeper }: Night): Promise<void> {
  const before = await keysBelow(stage, '');
  const mailsBefore = (await keeper.mails()).length;
  scene.command('offsite backup');
  const uploadsBefore = { ...stage.aws.uploads };
  const [run, [killed = []]] = await Promise.all([
    runOffsite(stage, database, ['backup']),
    query(database.server.connection, terminateDump, { database: database.source.env.PGDATABASE }),
  ]);
  scene.say(`Meanwhile: pg_terminate_backend of the session that runs ${killed[0]}`);
  scene.quote(run.stderr);
  scene.check('exit code', exitCodes.dump, run.exitCode);
  scene.check('the error says that the dump failed', true, run.stderr.includes('[DUMP_FAILED]'));
  scene.check('result printed', '', run.stdout);
  scene.check('objects in the vault', before, await keysBelow(stage, ''));
  const since = (step: keyof typeof uploadsBefore) => stage.aws.uploads[step] - uploadsBefore[step];
  const [begun, parts] = [since('begun'), since('parts')];
  const [completed, aborted] = [since('completed'), since('aborted')];
  scene.check('uploads completed', 0, completed);
  scene.check('uploads aborted, of those begun', begun, aborted);
  scene.check('mails', mailsBefore, (await keeper.mails()).length);
  scene.say(
    `Uploads begun: ${begun} (${parts} parts), completed: ${completed}, aborted: ${aborted}. Not an object more in ` +
      'the vault, no manifest, no unfinished upload; the exit code says so to whoever runs the agent.',
  );
  scene.figures({
    exitCode: run.exitCode,
    killedAt: killed[0],
    uploads: { begun, parts, completed, aborted },
  });
  scene.summarize(`exit code ${run.exitCode}, nothing stored`);
}

// Late in the dump: COPY goes by the alphabet, and keys and indexes come after it. A session's activity is seen as it
// was at the transaction's first look, unless it is asked to look again.
const terminateDump = `
  CREATE TEMP TABLE killed (doing text);
  DO $$
  DECLARE victim record;
  BEGIN
    FOR attempt IN 1 .. 60000 LOOP
      PERFORM pg_stat_clear_snapshot();
      SELECT pid, query INTO victim FROM pg_stat_activity
       WHERE application_name = 'pg_dump' AND state = 'active' AND query LIKE 'COPY public.torrent%';
      IF FOUND AND pg_terminate_backend(victim.pid) THEN
        INSERT INTO killed VALUES (split_part(victim.query, ' ', 1) || ' ' || split_part(victim.query, ' ', 2));
        RETURN;
      END IF;
      PERFORM pg_sleep(0.0005);
    END LOOP;
    RAISE EXCEPTION 'no dump was seen that copies tables of torrents';
  END $$;
  SELECT doing FROM killed;`;
