// The quarter's first day: the newest intact archive is restored for real, and the operator reads about it.

import { readdir } from 'node:fs/promises';
import { archiveKeys, parseArchiveId } from '../../archive/names.ts';
import { formatCount, formatDuration } from '../../base/quantities.ts';
import type { Mail } from '../../mail/mail.ts';
import { pageKeyOf } from '../../report/page/draw.ts';
import { restoreReportSchema } from '../../report/report.ts';
import type { Launch } from '../../restore-test/launch.ts';
import type { EndedTask } from '../aws/ecs/ecs-endpoint.ts';
import { type Cloud, keysBelow, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { functionByRole } from '../template/wiring.ts';
import { answerOf, onlyOne, readObject } from './evidence.ts';

/** Starts the test by its schedule and waits for its end. */
export async function restoreTest(
  scene: Scene,
  stage: Stage,
  { bus, ecs, wiring }: Cloud,
  id: string,
  torrents: number,
): Promise<void> {
  const deliveries = await bus.fireSchedule('launch-restore-test', new Date());
  const { launches } = answerOf(deliveries, wiring, 'launch-restore-test') as { launches: Launch[] };
  const launch = onlyOne(launches);
  if ('refused' in launch) {
    const mail = (await stage.aws.mails()).at(-1);
    throw new Error(`the launcher refused: ${launch.refused}\n${mail?.text ?? 'and sent no mail about it'}`);
  }
  const { cpu, memoryMib, ephemeralStorageGib } = launch.size;
  scene.check('archive under test', id, launch.archiveId);
  scene.say(
    `The daily schedule, in a quarter without a passed test → launch-restore-test → RunTask for ${launch.archiveId}: ${cpu / 1024} vCPU, ` +
      `${memoryMib / 1024} GiB of memory, ${ephemeralStorageGib} GiB of disk. (ECS is a stand-in here: it checks the ` +
      `request against the template and runs the container's program, without the image.)`,
  );
  const task = onlyOne(await ecs.idle());
  scene.command('node bin/restore-test.ts');
  scene.quote(task.logs);
  scene.check('exit code of the task', 0, task.exitCode);
  scene.check('left behind by the task', [], await readdir(stage.taskDirectory));
  checkEnd(scene, wiring, task);
  const keys = await keysBelow(stage, archiveKeys(parseArchiveId(id)).reports);
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

/** ECS tells that the task has ended: it has reported by itself, so there is nothing to add, and no other waits for its turn. */
function checkEnd(scene: Scene, wiring: Cloud['wiring'], task: EndedTask): void {
  const answer = (role: string) => {
    const { arn } = functionByRole(wiring, role);
    const own = task.deliveries.filter(({ to }) => to.arn === arn);
    return answerOf(own, wiring, role);
  };
  const { subject } = answer('report') as { subject?: string };
  const { launches } = answer('launch-restore-test') as { launches: Launch[] };
  scene.check('tests that begin at its end', [], launches);
  scene.check('what report adds to a test that has reported', undefined, subject);
}

/** The mail as it arrives. @returns It. */
export async function readMail(scene: Scene, stage: Stage, torrents: number): Promise<Mail> {
  const mails = await stage.aws.mails();
  const mail = onlyOne(mails);
  scene.quote(`Subject: ${mail.subject}\n\n${mail.text}`);
  scene.check('the count in the subject', true, mail.subject.includes(formatCount(torrents)));
  scene.check('the count in the text', true, mail.text.includes(formatCount(torrents)));
  scene.check('length of the subject', true, mail.subject.length <= 100);
  scene.figures({ subject: mail.subject, text: mail.text });
  scene.summarize(mail.subject.replace('[offsite] Restore test ', ''));
  return mail;
}

type Sighting = {
  told: string;
  newestIntactId?: string;
  newestIntactAgeHours?: number;
  restoreTestAgeHours?: number;
};

/** The hourly look finds both proofs fresh, and stays quiet. */
export async function watch(scene: Scene, stage: Stage, { bus, wiring }: Cloud, id: string): Promise<void> {
  const before = (await stage.aws.mails()).length;
  const { sightings } = answerOf(await bus.fireSchedule('watch', new Date()), wiring, 'watch') as {
    sightings: Sighting[];
  };
  const { told, newestIntactId, newestIntactAgeHours, restoreTestAgeHours } = onlyOne(sightings);
  scene.check('newest intact archive', id, newestIntactId);
  scene.check('what the operator is told', 'nothing', told);
  scene.check('age of a restore test is known', 'number', typeof restoreTestAgeHours);
  const [strange, ...others] = (await stage.aws.mails()).slice(before);
  scene.check('told of the earlier nights', true, strange?.subject.includes('NOT OF A BACK-UP'));
  await bus.fireSchedule('watch', new Date());
  scene.check('other mails', [], [...others, ...(await stage.aws.mails()).slice(before + 1)]);
  scene.check('events that nobody could handle', [], bus.deadLetters);
  scene.say(
    'The hourly schedule → watch: archive and restore test are fresh. No mail about them: silence is earned here. But the ' +
      'earlier nights came today, under dates that are not of today: that could be a thief with the key of a host, so it ' +
      'is told, once.',
  );
  scene.figures({ newestIntactAgeHours, restoreTestAgeHours });
  scene.summarize('both proofs fresh; old dates of new objects told');
}
