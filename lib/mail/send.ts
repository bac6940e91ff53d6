// Mails leave by SNS, which delivers them to the operator's address.

import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Mail } from './mail.ts';

/** Hands a mail to the topic; resolves when SNS has it. */
export async function publishMail(topicArn: string, mail: Mail): Promise<void> {
  const client = new SNSClient({});
  await client.send(new PublishCommand({ TopicArn: topicArn, Subject: mail.subject, Message: mail.text }));
}
