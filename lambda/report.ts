import * as z from 'zod';
import { environmentNames } from '../lib/core/deployment.ts';
import { noticeMail } from '../lib/core/notice.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';

/** Mails what AWS says about tasks, functions and alarms that could not report by themselves. */
export const handler = chain(z.unknown(), async (notice) => {
  const { topicArn } = environment('topicArn');
  const mail = noticeMail(notice, environmentNames.archiveId);
  if (mail !== undefined) await publishMail(topicArn, mail);
  logger.info('reported', { subject: mail?.subject ?? 'nothing to tell' });
  return { subject: mail?.subject };
});
