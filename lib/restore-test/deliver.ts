// deliver-report: what becomes of a restore test's report. The mail decides: once it is out the operator
// knows, and nobody else may tell of the same test; until then somebody else has to. The page comes after it: it is drawn
// from the report, so what is not written here is drawn again by 'offsite report'.

import { once } from 'node:events';
import { jsonText } from '../base/parse-json.ts';
import { wrap } from '../base/wrap.ts';
import type { Mail } from '../mail/mail.ts';
import { restoreTestCost } from '../report/cost.ts';
import { pageKeyOf, type RestoreReport, restoreReportKey } from '../report/report.ts';
import type { ArchiveStore } from '../store/store.ts';
import { restoreTestMail } from './mail.ts';

export type Delivery = {
  readonly store: ArchiveStore;
  readonly sendMail: (mail: Mail) => Promise<void>;
  /** The vault's name, for the page by which it comes back by hand; without it there is none. */
  readonly bucket?: string | undefined;
  /** Of a store that is not AWS's; by default the environment's. */
  readonly endpoint?: string | undefined;
  /** Whose prices what the test ran in has. */
  readonly region?: string | undefined;
  readonly log?: ((line: string) => void) | undefined;
  /** Aborted when the task was told to stop: then there are seconds left. */
  readonly signal?: AbortSignal | undefined;
};

/** For storing the report; Fargate kills 30 s after it has asked. */
const storeWithinMs = { unhurried: 120_000, hurried: 10_000 } as const;

/** A page that takes longer is not worth a server that is paid for. */
const drawWithinMs = 60_000;

/**
 * Stores a report and mails it, and then stores its page beside it.
 *
 * @throws Whatever kept the mail from being sent: nobody was told.
 * @remarks A report that cannot be stored is a paragraph of the mail; a page that could not be drawn, a line of the log.
 */
export async function deliverReport(report: RestoreReport, given: Delivery): Promise<void> {
  const delivery = { ...given, endpoint: given.endpoint ?? process.env.AWS_ENDPOINT_URL };
  const { store, sendMail, region, log = () => {}, signal } = delivery;
  const key = restoreReportKey(report, new Date(report.startedAt));
  const within = AbortSignal.timeout(storeWithinMs[signal?.aborted ? 'hurried' : 'unhurried']);
  const trouble = await store.create(key, jsonText(report), { signal: within }).then(
    () => undefined,
    (error: Error) => error,
  );
  const mail = restoreTestMail(report, {
    costUsd: restoreTestCost(report, region),
    pageUrl: trouble === undefined ? pageUrl(pageKeyOf(key), delivery) : undefined,
  });
  await sendMail(trouble === undefined ? mail : withTrouble(mail, trouble));
  log(`restore-test: ${report.outcome}, ${trouble === undefined ? 'reported' : 'mailed, NOT stored'}`);
  if (trouble !== undefined) return;
  await drawBeside(report, key, delivery);
  await keepKit(report, key, delivery);
}

/**
 * Where the page can be looked at: in AWS's console, by whoever may; of another store its address.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/download-objects.html
 */
function pageUrl(key: string, { bucket, region, endpoint }: Delivery): string | undefined {
  if (bucket === undefined) return undefined;
  if (endpoint !== undefined || region === undefined) return `s3://${bucket}/${key}`;
  return `https://${region}.console.aws.amazon.com/s3/object/${bucket}?region=${region}&prefix=${key}`;
}

async function drawBeside(
  report: RestoreReport,
  key: string,
  { store, endpoint, region, log = () => {}, signal }: Delivery,
): Promise<void> {
  const late = AbortSignal.timeout(drawWithinMs);
  const within = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    // Told to stop, it ends at once: whoever is killed now counts as one who could not tell.
    within.throwIfAborted();
    // Loaded when everything else is done: until then its memory is the restore's.
    const { renderPage } = await import('../page/page.ts');
    const { readSource } = await import('../page/read-source.ts');
    // Without its past it is not kept: whoever asks later may be let in.
    const wanted = {
      ...{ source: report.source, now: new Date(Date.parse(report.startedAt) + report.durationMs) },
      ...{ shown: { report, kept: key }, region: endpoint === undefined ? region : undefined, isWhole: true },
    };
    const view = await Promise.race([readSource(store, wanted), aborted(within)]);
    await store.create(pageKeyOf(key), renderPage([view]), { signal: within });
    log(`restore-test: drew ${pageKeyOf(key)}`);
  } catch (error) {
    log(`restore-test: the page was not drawn, 'offsite report --open' tries again: ${error}`);
  }
}

/** Where an operator who has lost everything looks: beside the report. */
async function keepKit(
  { source }: RestoreReport,
  key: string,
  { store, bucket, endpoint, region, log = () => {}, signal }: Delivery,
): Promise<void> {
  if (bucket === undefined) return;
  try {
    signal?.throwIfAborted();
    const { kitPage, kitText } = await import('../kit/page.ts');
    const { readKit } = await import('../kit/read-kit.ts');
    const kit = await readKit(store, { bucket, region, endpoint, source, writtenAt: new Date() });
    await store.create(key.replace(/\.json$/, '.kit.txt'), kitText(kit), { signal });
    await store.create(key.replace(/\.json$/, '.kit.html'), kitPage(kit), { signal });
  } catch (error) {
    log(`restore-test: the kit was not kept, 'offsite kit' prints it: ${error}`);
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

function withTrouble({ subject, text }: Mail, trouble: Error): Mail {
  const note = `This report could not be stored beside the archive (${trouble.message}), so nothing but this mail knows of the test: start another one once that is mended.`;
  return { subject, text: `${text}\n${wrap(note, 80).join('\n')}\n` };
}
