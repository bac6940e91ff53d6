// The quarter's first day: the newest intact archive is restored for real, and the operator reads about it. And does
// anybody hear? The operator asks for a mail, by the way that all faults are told.

import { readdir } from 'node:fs/promises';
import * as z from 'zod';
import { formatCount, formatDuration } from '../../base/quantities.ts';
import type { Mail } from '../../mail/mail.ts';
import { pageKeyOf, restoreReportSchema } from '../../report/report.ts';
import { operatorAddress } from '../aws/local-aws.ts';
import type { Night } from '../stage/keeper.ts';
import { type Cloud, keysBelow, offsiteOutput } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { keysOf, onlyOne, readObject } from './evidence.ts';

/** The test is due: it runs, and has reported when it ends. */
export async function restoreTest(scene: Scene, { stage, keeper, id, torrents }: Night): Promise<void> {
  await keeper.restoreTest(scene, id);
  scene.check('left behind by the test', [], await readdir(stage.taskDirectory));
  const keys = await keysBelow(stage, keysOf(id).reports);
  const key = onlyOne(keys.filter((one) => one.endsWith('.json')));
  const page = pageKeyOf(key);
  scene.check(
    'its page and the kit, beside it',
    [page, ...['kit.html', 'kit.txt'].map((ending) => key.replace(/json$/, ending))],
    keys.filter((one) => one !== key),
  );
  const report = restoreReportSchema.parse(await readObject(stage, key));
  scene.check('outcome', 'passed', report.outcome);
  scene.check('torrents restored', torrents, report.torrents);
  scene.check(
    'comparisons that differ',
    [],
    report.comparisons.filter(({ same }) => !same),
  );
  scene.quote(`${key}\n${page}`);
  scene.say(
    "The second is a page to look at, made of values alone: 'offsite report --open' (after --keep, see the end).",
  );
  scene.figures({
    page,
    torrents: report.torrents,
    comparisons: report.comparisons.length,
    durationMs: report.durationMs,
    stages: report.stages,
  });
  scene.summarize(
    `${formatCount(report.torrents ?? 0)} torrents restored in ${formatDuration(report.durationMs)}`,
  );
}

/** The mail as it arrives. @returns It. */
export async function readMail(scene: Scene, { keeper, torrents }: Night): Promise<Mail> {
  const mail = onlyOne((await keeper.mails()).filter(({ subject }) => subject.includes('Restore test')));
  scene.quote(`Subject: ${mail.subject}\n\n${mail.text}`);
  scene.check('the count in the subject', true, mail.subject.includes(formatCount(torrents)));
  scene.check('the count in the text', true, mail.text.includes(formatCount(torrents)));
  scene.check('length of the subject', true, mail.subject.length <= 100);
  scene.figures({ subject: mail.subject, text: mail.text });
  scene.summarize(mail.subject.replace('[offsite] Restore test ', ''));
  return mail;
}

/** The look at all proofs finds them fresh, and stays quiet. */
export async function watch(scene: Scene, { keeper, id }: Night): Promise<void> {
  const sightings = await keeper.watch(scene);
  const { told, newestIntactId, newestIntactAgeHours, restoreTestAgeHours } = onlyOne(sightings);
  scene.check('newest intact archive', id, newestIntactId);
  scene.check('what the operator is told', 'nothing', told);
  scene.check('age of a restore test is known', 'number', typeof restoreTestAgeHours);
  const isStrange = ({ subject }: Mail) => subject.includes('NOT OF A BACK-UP');
  const mails = await keeper.mails();
  scene.check('told of the earlier nights', 1, mails.filter(isStrange).length);
  scene.check('mails, with that of the restore test', 2, mails.length);
  scene.say(
    'Archive and restore test are fresh. No mail about them: silence is earned here. But the earlier nights came today, under ' +
      'dates that are not of today: that could be a thief with the key of a host, so it is told, once.',
  );
  scene.figures({ newestIntactAgeHours, restoreTestAgeHours });
  scene.summarize('both proofs fresh; old dates of new objects told');
}

const answerSchema = z.object({
  subject: z.string(),
  confirmed: z.array(z.string()),
  missing: z.array(z.unknown()),
});

/** Asks the function that `watch` has noted in the vault. */
export async function alertTest(scene: Scene, { stage, database }: Night, { lambda }: Cloud): Promise<void> {
  const before = (await stage.aws.mails()).length;
  scene.command('offsite alert-test');
  const { stdout } = await offsiteOutput(stage, database, ['alert-test', '--json'], {
    AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint,
  });
  const { subject, confirmed, missing } = answerSchema.parse(JSON.parse(stdout));
  scene.check('the operator gets it', true, confirmed.includes(operatorAddress));
  scene.check('whoever does not', [], missing);
  const mails = (await stage.aws.mails()).slice(before);
  scene.check(
    'mails',
    [subject],
    mails.map((mail) => mail.subject),
  );
  scene.quote(`Subject: ${subject}\n\n${mails[0]?.text ?? ''}`);
  scene.say(
    'The function that tells of faults has sent it, and says who is subscribed. Were that nobody, the command would fail, ' +
      'and so would watch, every hour.',
  );
  scene.figures({ subject });
  scene.summarize(`mailed to ${operatorAddress}`);
}
