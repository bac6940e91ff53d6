// alert-test: has the function that tells of faults send a mail, by the way that all of them go. Whoever asks needs the right to
// call it, and none to publish.

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { OffsiteError } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type alertTestSchema, parseRecipientsNote, recipientsKey, recipientsSchema } from './recipients.ts';

export type AlertTestOptions = {
  readonly store: Pick<ArchiveStore, 'readText'>;
  /** Name or ARN of the function; without it, what the vault's note says. */
  readonly reportArn?: string | undefined;
  /** Calls a function with a payload of JSON and waits for its answer, JSON too. */
  readonly call: (functionArn: string, payload: string) => Promise<string>;
  readonly now: Date;
};

export const alertTestAnswerSchema = recipientsSchema.extend({ subject: z.string() });

/** What was sent, to whom, and who was to get it and does not. */
export type AlertTest = z.infer<typeof alertTestAnswerSchema>;

/**
 * Sends a test mail.
 *
 * @throws {@link OffsiteError} `ALERT_TEST_FAILED` if nobody says which function it is, or that does not answer as it should.
 */
export async function alertTest({ store, reportArn, call, now }: AlertTestOptions): Promise<AlertTest> {
  const asked = reportArn ?? parseRecipientsNote((await store.readText(recipientsKey))?.text)?.reportArn;
  if (asked === undefined) {
    throw new OffsiteError('ALERT_TEST_FAILED', 'the vault does not say which function sends its mails', {
      expected: `${recipientsKey}, which 'watch' writes within an hour after deploying`,
      found: 'none',
      hint: "name it: --function with the output ReportFunction of 'npx cdk deploy'; a store without the cloud side sends no mails",
    });
  }
  const test: z.input<typeof alertTestSchema> = {
    alertTest: { id: randomUUID(), askedAt: now.toISOString() },
  };
  const answer = await call(asked, JSON.stringify(test));
  const parsed = parseJson(alertTestAnswerSchema, answer);
  if (parsed !== undefined) return parsed;
  throw new OffsiteError('ALERT_TEST_FAILED', `${asked} did not say that it sent a mail`, {
    expected: 'the subject of the mail, and who gets it',
    found: answer.slice(0, 1000),
    hint: "read its log; if the cloud side is older than this program, deploy it anew ('npx cdk deploy')",
  });
}
