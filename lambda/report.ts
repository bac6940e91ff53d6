import * as z from 'zod';
import { environmentNames } from '../lib/deployment/deployment.ts';
import { publishMail } from '../lib/mail/send.ts';
import { tellOnce } from '../lib/mail/tell-once.ts';
import { noticeMail } from '../lib/restore-task/notices.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { chain, logger } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** Mails what AWS says about tasks and functions that could not report by themselves. */
export const handler = chain(z.unknown(), async (notice) => {
  const { bucket, topicArn } = environment('bucket', 'topicArn');
  const told = noticeMail(notice, environmentNames.archiveId);
  if (told === undefined) return { subject: undefined };
  const { fault, mail, occasion } = told;
  const isNew = await tellOnce(
    {
      store: createS3Store({ bucket }),
      sendMail: (one) => publishMail(topicArn, one),
      now: new Date(),
      log: (line) => logger.warn(line),
    },
    occasion,
    mail,
  );
  if (isNew && fault === 'restoreTestLost') measure('restoreTestsLost', 1);
  logger.info(isNew ? 'reported' : 'reported before', { subject: mail.subject });
  return { subject: mail.subject, isNew };
});
