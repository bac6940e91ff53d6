// A guard keeps the promise: `offsite guard` and its parts, on a machine of its own, with a mail server that is real.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { exitCodes } from '../../base/errors.ts';
import { jsonText } from '../../base/parse-json.ts';
import type { Judged } from '../../guard/verify.ts';
import { runKey } from '../../retention/run.ts';
import { operatorAddress } from '../aws/local-aws.ts';
import type { Keeper } from '../stage/keeper.ts';
import { startMailServer } from '../stage/mail-server.ts';
import { runProgram, type Stage } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';
import { onlyOne } from './evidence.ts';

/** The guard's machine: its settings, its memory, and the operator's mails. */
export const guardFolder = ({ directory }: Stage) => join(directory, 'guard');

/** Sets a guard up, and has it look at what it needs. */
export async function meetGuard(scene: Scene, stage: Stage): Promise<Keeper> {
  const { aws, s3, onClose, taskDirectory } = stage;
  const folder = guardFolder(stage);
  await mkdir(folder);
  const smtp = await startMailServer({ folder });
  onClose(() => smtp.stop());
  const keepDays = 14;
  const guard = { email: operatorAddress, smtpUrl: smtp.url, keepDays };
  const file = join(folder, 'guard.json');
  await writeFile(file, jsonText({ bucket: aws.bucket, guard }));
  const environment = { XDG_STATE_HOME: folder, TMPDIR: taskDirectory };

  async function run(scene: Scene, args: readonly string[], more: readonly string[] = []): Promise<string> {
    scene.command(`offsite ${args.join(' ')}`);
    const said = await runProgram(stage, [...args, ...more, '--config', file], environment);
    if (said.exitCode !== 0 && said.exitCode !== exitCodes.notIntact)
      throw new Error(`offsite ${args[0]} ended with ${said.exitCode}: ${said.stderr}${said.stdout}`);
    return said.stdout;
  }
  const shown = async (scene: Scene, args: readonly string[]) => scene.quote(await run(scene, args));
  const answer = async (scene: Scene, args: readonly string[]) =>
    JSON.parse(await run(scene, args, ['--json']));
  const judgement = ({ id, verdict, isNew }: Judged) => ({ id, verdict, isNew });

  await shown(scene, ['guard', '--check']);
  scene.say('Another machine than the host, with a key and a memory of its own; mails leave by SMTP.');
  scene.summarize('all that a guard needs is there');
  return {
    keepDays,
    mails: async () => smtp.mails,
    async verify(scene) {
      const judged: Judged[] = await answer(scene, ['verify', 'new', '--record']);
      return judged.map(judgement);
    },
    async verifyAgain(scene, id) {
      const judged: Judged[] = await answer(scene, ['verify', id, '--record']);
      return judgement(onlyOne(judged));
    },
    planExpiry: async (scene) => (await answer(scene, ['expire', '--dry-run'])).plans,
    expire: async (scene) => void (await answer(scene, ['expire'])),
    async restoreTest(scene) {
      scene.say('Its timer runs it each hour. Nothing is new, and the restore test of this quarter is due:');
      await shown(scene, ['guard']);
    },
    watch: async (scene) => (await answer(scene, ['watch'])).sightings,
    async nextNight(scene) {
      scene.say('A night later (what it remembers of the last is taken away), by its timer:');
      await s3.send(new DeleteObjectCommand({ Bucket: aws.bucket, Key: runKey }));
      await shown(scene, ['guard']);
    },
  };
}
