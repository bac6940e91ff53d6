// Mails leave by SNS, which delivers them to the operator's address.

import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Mail } from './mail.ts';
import { withRunbook } from './with-runbook.ts';

/** Hands a mail to the topic; resolves when SNS has it. */
export async function publishMail(topicArn: string, mail: Mail): Promise<void> {
  const { subject, text } = withRunbook(mail);
  const client = new SNSClient({});
  await client.send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text }));
}
