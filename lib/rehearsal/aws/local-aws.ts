// S3, SNS and SQS on this machine, for the rehearsal and for tests: a bucket, the topic that mails are published to,
// and a queue in the place of the operator's mailbox. fauxqs' own startFauxqs() listens on all interfaces; we build
// its app ourselves and listen on loopback only.

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import * as z from 'zod';
import type { Mail } from '../../mail/mail.ts';
import { type CallLog, createCallLog } from './aws-calls.ts';

/** What any AWS SDK needs in its environment to work against the local endpoint. */
export type LocalAwsEnvironment = {
  readonly AWS_ENDPOINT_URL: string;
  readonly AWS_REGION: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_EC2_METADATA_DISABLED: string;
};

type UploadStep = 'begun' | 'parts' | 'completed' | 'aborted';

export type LocalAws = {
  readonly endpoint: string;
  readonly env: LocalAwsEnvironment;
  /** For an S3 client of this process. */
  readonly clientConfig: ReturnType<typeof clientConfigOf>;
  readonly bucket: string;
  readonly topicArn: string;
  /** What was asked with other access keys than that of `env`. */
  readonly callLog: CallLog;
  /** Multipart uploads so far: the local S3 cannot list the unfinished. */
  readonly uploads: Readonly<Record<UploadStep, number>>;
  /** Mails published so far, oldest first; reading them takes none away. */
  mails(): Promise<Mail[]>;
  /** Idempotent. Everything stored is gone afterwards. */
  stop(): Promise<void>;
};

const region = 'us-east-1';
const mailbox = 'operator-mailbox';
export const operatorAddress = 'operator@example.com';
const accessKey = 'local';

/** SNS wraps what it delivers to a queue. */
const envelopeSchema = z.object({ Subject: z.string().optional(), Message: z.string() });
const inspectionSchema = z.object({
  messages: z.object({ ready: z.array(z.object({ body: z.string() })) }),
});

/**
 * Starts S3, SNS and SQS on a free loopback port, in this process.
 *
 * @remarks The bucket is not versioned (fauxqs knows no versions): version ids are null, and etags tell bytes apart.
 */
export async function startLocalAws(
  options: { readonly bucket?: string; readonly topic?: string } = {},
): Promise<LocalAws> {
  const app = buildApp({ logger: false, defaultRegion: region });
  const callLog = createCallLog(accessKey);
  app.addHook('preHandler', ({ method, url, headers, body }, _reply, done) => {
    callLog.request({ method, url, headers, body });
    done();
  });
  const uploads = { begun: 0, parts: 0, completed: 0, aborted: 0 };
  app.addHook('onResponse', ({ method, url }, { statusCode }, done) => {
    const step = uploadStepOf(method, new URL(url, 'http://localhost').searchParams);
    if (step !== undefined && statusCode < 300) uploads[step] += 1;
    done();
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= Promise.resolve(app.close()).then(() => {});
    return stopped;
  };
  try {
    const bucket = options.bucket ?? 'offsite';
    const topicArn = await createParts(endpoint, bucket, options.topic ?? 'operator');
    return {
      endpoint,
      env: {
        AWS_ENDPOINT_URL: endpoint,
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: accessKey,
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_EC2_METADATA_DISABLED: 'true',
      },
      clientConfig: clientConfigOf(endpoint),
      bucket,
      topicArn,
      callLog,
      uploads,
      mails: () => readMails(endpoint),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function uploadStepOf(method: string, query: URLSearchParams): UploadStep | undefined {
  if (method === 'POST' && query.has('uploads')) return 'begun';
  if (!query.has('uploadId')) return undefined;
  return ({ PUT: 'parts', POST: 'completed', DELETE: 'aborted' } as const)[method];
}

function clientConfigOf(endpoint: string) {
  const credentials = { accessKeyId: accessKey, secretAccessKey: 'local' };
  return { endpoint, region, credentials, forcePathStyle: true };
}

async function createParts(endpoint: string, bucket: string, topic: string): Promise<string> {
  const config = clientConfigOf(endpoint);
  const [s3, sns, sqs] = [new S3Client(config), new SNSClient(config), new SQSClient(config)];
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    await sqs.send(new CreateQueueCommand({ QueueName: mailbox }));
    const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: topic }));
    const queueArn = `arn:aws:sqs:${region}:000000000000:${mailbox}`;
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: queueArn }));
    // Whom the deployed system expects there. Nothing is delivered to it.
    await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'email', Endpoint: operatorAddress }));
    return TopicArn;
  } finally {
    for (const client of [s3, sns, sqs]) client.destroy();
  }
}

async function readMails(endpoint: string): Promise<Mail[]> {
  const response = await fetch(`${endpoint}/_fauxqs/queues/${mailbox}`);
  const { messages } = inspectionSchema.parse(await response.json());
  return messages.ready.map(({ body }) => {
    const { Subject = '', Message } = envelopeSchema.parse(JSON.parse(body));
    return { subject: Subject, text: Message };
  });
}
