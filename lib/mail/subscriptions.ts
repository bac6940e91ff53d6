// Asks SNS who is subscribed to the topic.

import { paginateListSubscriptionsByTopic, SNSClient } from '@aws-sdk/client-sns';
import type { Subscription } from './recipients.ts';

/** In the place of an ARN, SNS says `PendingConfirmation` or `Deleted`. */
const confirmed = /^arn:/;

/** All subscriptions of a topic that SNS still knows. */
export async function listSubscriptions(topicArn: string): Promise<Subscription[]> {
  const found: Subscription[] = [];
  for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic(
    { client: new SNSClient({}) },
    { TopicArn: topicArn },
  )) {
    for (const { Endpoint = '', SubscriptionArn = '' } of Subscriptions)
      found.push({ endpoint: Endpoint, isConfirmed: confirmed.test(SubscriptionArn) });
  }
  return found;
}
