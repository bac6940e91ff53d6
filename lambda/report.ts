import * as z from 'zod';
import { environmentNames } from '../lib/core/deployment.ts';
import { explainNotice } from '../lib/core/notice.ts';
import { publishMail } from '../lib/io/mailer.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** Mails what AWS says about tasks and functions that could not report by themselves. */
export const handler = chain(z.unknown(), async (notice) => {
  const { topicArn } = environment('topicArn');
  const explained = explainNotice(notice, environmentNames.archiveId);
  if (explained?.fault === 'restoreTestLost') measure('restoreTestsLost', 1);
  if (explained !== undefined) await publishMail(topicArn, explained.mail);
  logger.info('reported', { subject: explained?.mail.subject ?? 'nothing to tell' });
  return { subject: explained?.mail.subject };
});
