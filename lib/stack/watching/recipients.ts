// Who gets what is published: the operator's address, and who else was named. A queue of yours lets the topic send by its own
// policy: one of ours would take the place of all that it says.

import { type ITopic, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription, SqsSubscription, UrlSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type Deployment, protocolOf } from '../../deployment/deployment.ts';

/** Subscribes them. Each but a queue has to confirm it. */
export function addRecipients(
  scope: Construct,
  topic: ITopic,
  { email, alsoNotify }: Pick<Deployment, 'email' | 'alsoNotify'>,
): void {
  topic.addSubscription(new EmailSubscription(email));
  for (const endpoint of alsoNotify) {
    const protocol = protocolOf(endpoint);
    if (protocol === 'email') topic.addSubscription(new EmailSubscription(endpoint));
    if (protocol === 'https')
      topic.addSubscription(new UrlSubscription(endpoint, { protocol: SubscriptionProtocol.HTTPS }));
    if (protocol === 'sqs') {
      const queue = Queue.fromQueueArn(scope, `Recipient${endpoint}`, endpoint);
      topic.addSubscription(new SqsSubscription(queue));
    }
  }
}
