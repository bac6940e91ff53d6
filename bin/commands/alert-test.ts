import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { alertTest } from '../../lib/mail/alert-test.ts';
import { describeMissing } from '../../lib/mail/recipients.ts';
import { assertSomebodyHears } from '../../lib/mail/watch-recipients.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { agentsOf } from '../../lib/store/agents.ts';
import { storeError } from '../../lib/store/errors.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { print, printJson, warn } from './print.ts';
import { regionOf } from './region.ts';

export async function runAlertTest(
  settings: Settings,
  flags: { function?: string; json?: boolean },
): Promise<void> {
  const sent = await alertTest({
    store: createS3Store(settings),
    reportArn: flags.function,
    call: (functionArn, payload) => callFunction(settings, functionArn, payload),
    now: new Date(),
  });
  if (flags.json) printJson('alert-test', sent);
  else if (sent.confirmed.length > 0) {
    print(
      `Sent to ${sent.confirmed.join(', ')}:\n\n  ${sent.subject}\n\nIt comes within minutes: look among the junk, too. If it does not come, docs/runbook.md\nsays why, under "Nobody hears".\n`,
    );
  }
  assertSomebodyHears(sent);
  const missing = describeMissing(sent);
  warn(missing && `${missing.found}: ${missing.advice}`);
}

async function callFunction(settings: Settings, functionArn: string, payload: string): Promise<string> {
  const { profile, caBundle } = settings;
  const [, , , ofArn] = functionArn.split(':');
  const region = ofArn ?? regionOf(settings);
  const client = new LambdaClient({
    ...(region && { region }),
    ...(profile && { profile }),
    requestHandler: { connectionTimeout: 10_000, ...agentsOf(process.env, caBundle) },
  });
  try {
    const answer = await client.send(new InvokeCommand({ FunctionName: functionArn, Payload: payload }));
    return new TextDecoder().decode(answer.Payload);
  } catch (error) {
    throw storeError(error, `calling ${functionArn}`);
  } finally {
    client.destroy();
  }
}
