// deliver-report: what becomes of a restore test's report. The mail goes last and decides: once it is out the operator
// knows, and nobody else may tell of the same test; until then somebody else has to.

import type { Mail } from '../core/mail.ts';
import { wrap } from '../core/mail.ts';
import { type RestoreReport, restoreReportKey, serializeRestoreReport } from '../core/restore-report.ts';
import { restoreTestMail } from '../core/restore-test-mail.ts';
import type { ArchiveStore } from '../io/archive-store.ts';

export type Delivery = {
  readonly store: ArchiveStore;
  readonly sendMail: (mail: Mail) => Promise<void>;
  readonly log?: ((line: string) => void) | undefined;
  /** Aborted when the task was told to stop: then there are seconds left. */
  readonly signal?: AbortSignal | undefined;
};

/** For storing the report; Fargate kills 30 s after it has asked. */
const storeWithinMs = { unhurried: 120_000, hurried: 10_000 } as const;

/**
 * Stores a report and mails it.
 *
 * @throws Whatever kept the mail from being sent: nobody was told.
 * @remarks A report that cannot be stored is a paragraph of the mail.
 */
export async function deliverReport(
  report: RestoreReport,
  { store, sendMail, log = () => {}, signal }: Delivery,
): Promise<void> {
  const key = restoreReportKey(report, new Date(report.startedAt));
  const within = AbortSignal.timeout(storeWithinMs[signal?.aborted ? 'hurried' : 'unhurried']);
  const trouble = await store.create(key, serializeRestoreReport(report), { signal: within }).then(
    () => undefined,
    (error: Error) => error,
  );
  const mail = restoreTestMail(report);
  await sendMail(trouble === undefined ? mail : withTrouble(mail, trouble));
  log(`restore-test: ${report.outcome}, ${trouble === undefined ? 'reported' : 'mailed, NOT stored'}`);
}

function withTrouble({ subject, text }: Mail, trouble: Error): Mail {
  const note = `This report could not be stored beside the archive (${trouble.message}), so nothing but this mail knows of the test: start another one once that is mended.`;
  return { subject, text: `${text}\n${wrap(note, 80).join('\n')}\n` };
}
