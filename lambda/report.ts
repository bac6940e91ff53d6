import * as z from 'zod';
import { environmentNames } from '../lib/deployment/environment.ts';
import { tellByTheHour } from '../lib/mail/by-the-hour.ts';
import type { Mail } from '../lib/mail/mail.ts';
import { recipientsOf } from '../lib/mail/recipients.ts';
import { publishMail } from '../lib/mail/send.ts';
import { listSubscriptions } from '../lib/mail/subscriptions.ts';
import { tellOnce } from '../lib/mail/tell-once.ts';
import { noticeMail } from '../lib/restore-task/notices.ts';
import { createS3Store } from '../lib/store/s3.ts';
import { logger, queueChain } from './chain.ts';
import { environment } from './environment.ts';
import { measure } from './measure.ts';

/** Mails what AWS says about tasks and functions that could not report by themselves, and a test if somebody asks for it. */
export const handler = queueChain(z.unknown(), async (notice) => {
  const { bucket, topicArn, recipients } = environment('bucket', 'topicArn', 'recipients');
  const told = noticeMail(notice, environmentNames.archiveId);
  if (told === undefined) return { subject: undefined };
  const { mail, occasion, archive, isTest } = told;
  const teller = {
    store: createS3Store({ bucket }),
    sendMail: (one: Mail) => publishMail(topicArn, one),
    now: new Date(),
    log: (line: string) => logger.warn(line),
  };
  const isNew =
    archive === undefined
      ? await tellOnce(teller, occasion, mail)
      : await tellByTheHour(teller, archive, mail);
  if (isNew && mail.faults?.includes('restoreTestLost')) measure('restoreTestsLost', 1);
  logger.info(isNew ? 'reported' : 'reported before', { subject: mail.subject });
  const answer = { subject: mail.subject, isNew };
  return isTest ? { ...answer, ...recipientsOf(recipients, await listSubscriptions(topicArn)) } : answer;
});
