// A bill that grows is what a stolen key of a host can make, and the last to say so: told by AWS itself, to the mail address
// and not by the topic, so that this is a second way.

import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { Construct } from 'constructs';
import type { Deployment } from '../../deployment/deployment.ts';

/**
 * Adds a budget of the account, if one was asked for.
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
