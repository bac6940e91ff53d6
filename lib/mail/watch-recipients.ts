// watch: asks each hour whether anybody hears, notes it in the vault, and tells those who do of those who do not.

import { OffsiteError } from '../base/errors.ts';
import type { ArchiveStore } from '../store/store.ts';
import {
  describeMissing,
  missingMail,
  nextNote,
  parseRecipientsNote,
  type Recipients,
  recipientsKey,
  recipientsOf,
  type Subscription,
} from './recipients.ts';
import type { News } from './tell-once.ts';

export type WatchRecipientsOptions = {
  readonly store: Pick<ArchiveStore, 'readText' | 'write'>;
  /** Endpoints that the deployment names. */
  readonly expected: readonly string[];
  readonly reportArn: string;
  readonly subscriptions: () => Promise<readonly Subscription[]>;
  readonly now: Date;
};

/** Looks once. @returns Who hears, and what of it is news. */
export async function watchRecipients(
  options: WatchRecipientsOptions,
): Promise<News & { readonly recipients: Recipients }> {
  const { store, expected, subscriptions } = options;
  const recipients = recipientsOf(expected, await subscriptions());
  const before = parseRecipientsNote((await store.readText(recipientsKey))?.text);
  const { note, isNews, isChanged } = nextNote(recipients, before, options);
  const noted = async () => {
    if (isChanged) await store.write(recipientsKey, `${JSON.stringify(note)}\n`);
  };
  return { recipients, mails: isNews ? [missingMail(recipients)] : [], noted };
}

/**
 * Makes sure that somebody hears.
 *
 * @throws {@link OffsiteError} `NOBODY_HEARS`.
 */
export function assertSomebodyHears(recipients: Recipients): void {
  if (recipients.confirmed.length > 0) return;
  const { found = 'no subscription', advice = '' } = describeMissing(recipients) ?? {};
  throw new OffsiteError('NOBODY_HEARS', 'nobody hears of faults', {
    expected: 'a confirmed subscription of the topic',
    found,
    hint: advice,
  });
}
