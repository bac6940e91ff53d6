// Does anybody hear? The operator asks for a mail, by the way that all faults are told.

import * as z from 'zod';
import { operatorAddress } from '../aws/local-aws.ts';
import type { Night } from '../stage/keeper.ts';
import { type Cloud, offsiteOutput } from '../stage/stage.ts';
import type { Scene } from '../stage/story.ts';

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
