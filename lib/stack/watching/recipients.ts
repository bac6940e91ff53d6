// Who gets what is published: the operator's address, and who else was named. A queue of yours lets the topic send by its own
// policy: one of ours would take the place of all that it says.

import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
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

/**
 * Adds a budget of the account, if one was asked for. A bill that grows is what a stolen key of a host can make, and the last to say
 * so: told by AWS itself, to the mail address and not by the topic, so that this is a second way.
 *
 * @remarks Of the whole account: that a cost is ours, AWS knows by tags only, which have to be activated by hand first.
 *   Two budgets an account are free of charge.
 */
export function addBudget(scope: Construct, { budgetDollars, email }: Deployment): void {
  if (budgetDollars === undefined) return;
  const subscribers = [{ subscriptionType: 'EMAIL', address: email }];
  const notify = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number) => ({
    notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold },
    subscribers,
  });
  new CfnBudget(scope, 'Budget', {
    budget: {
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: budgetDollars, unit: 'USD' },
    },
    notificationsWithSubscribers: [notify('ACTUAL', 80), notify('FORECASTED', 100)],
  });
}
