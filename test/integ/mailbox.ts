// A queue that hears what the topic publishes: a mail that a program can read.

import { PublishCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Account } from './account.ts';

const subjectInPlace = '[offsite] Published in the place of a restore test';

/** Makes the queue and subscribes it; again, it is the same queue. @returns Its address. */
export async function listenByQueue({ region, stackName }: Account, topicArn: string): Promise<string> {
  const sqs = new SQSClient({ region });
  const QueueName = `${stackName}-mailbox`;
  const [, , , , account] = topicArn.split(':');
  const queueArn = topicArn.replace(':sns:', ':sqs:').replace(/[^:]+$/, QueueName);
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn,
      Condition: { StringEquals: { 'aws:SourceAccount': account }, ArnEquals: { 'aws:SourceArn': topicArn } },
    },
  });
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName, Attributes: { Policy } }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const Endpoint = Attributes?.QueueArn;
  await new SNSClient({ region }).send(
    new SubscribeCommand({ TopicArn: topicArn, Protocol: 'sqs', Endpoint }),
  );
  return QueueUrl;
}

/** The subject of the next mail, if there is one. */
export async function receiveMail({ region }: Account, QueueUrl: string): Promise<string | undefined> {
  const sqs = new SQSClient({ region });
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  );
  return Messages.map(({ Body = '{}' }) => JSON.parse(Body).Subject).find((subject) => subject !== undefined);
}

export async function publishInPlace({ region }: Account, TopicArn: string): Promise<void> {
  const sns = new SNSClient({ region });
  await sns.send(new PublishCommand({ TopicArn, Subject: subjectInPlace, Message: 'by npm run integ' }));
}

export async function removeQueue({ region }: Account, QueueUrl: string): Promise<void> {
  await new SQSClient({ region }).send(new DeleteQueueCommand({ QueueUrl })).catch((error: Error) => {
    if (!/NonExistent|QueueDoesNotExist/.test(error.name)) throw error;
  });
}
