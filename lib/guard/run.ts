// One run of the guard: what the cloud does at each event, each hour, each day and each quarter, one after the other, as far
// as it is due. A step that fails is told of, and keeps none of the others back.

import { archivesPrefix } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { inTime } from '../base/in-time.ts';
import { hoursBetween } from '../base/quantities.ts';
import { composeMail, type Mail } from '../mail/mail.ts';
import { tellOnce } from '../mail/tell-once.ts';
import type { RestoreReport } from '../report/report.ts';
import type { Planned } from '../retention/expire-kind.ts';
import { limitsOf } from '../retention/freshness.ts';
import type { ExtendLock } from '../retention/lock.ts';
import { readLastRun } from '../retention/run.ts';
import { throwFailures } from '../retention/sources.ts';
import type { Sighting } from '../retention/watch.ts';
import type { GuardSettings } from '../settings/guard.ts';
import type { ArchiveStore } from '../store/store.ts';
import { unlessAway } from './away.ts';
import { assertClocksAgree } from './clocks.ts';
import { expireVault } from './expire.ts';
import { assertMayLook } from './independence.ts';
import { takeLock } from './lock.ts';
import type { Mailbox } from './mailbox.ts';
import { type GuardTestsOptions, runRestoreTests } from './restore-tests.ts';
import type { TestServer } from './test-server.ts';
import { type Judged, verifyDue, verifyNew } from './verify.ts';
import { watchVault } from './watch.ts';

export type GuardOptions = {
  readonly store: ArchiveStore;
  readonly bucket: string;
  readonly endpoint?: string | undefined;
  readonly connections?: number | undefined;
  readonly guard: GuardSettings;
  readonly extendLock?: ExtendLock | undefined;
  readonly mailbox: Mailbox;
  readonly findServer: () => TestServer;
  readonly pointOf?: GuardTestsOptions['pointOf'];
  /** Whether a restore test of each source is wanted now. */
  readonly wantsTest?: boolean | undefined;
  readonly now: () => Date;
  readonly log: (line: string) => void;
  readonly seen: Seen;
  readonly signal?: AbortSignal | undefined;
};

/** Who is told, on the spot, of what a run sees. */
export type Seen = {
  readonly onVerdict: (judged: Judged) => void;
  readonly onPlan: (plan: Planned) => void;
  readonly onSighting: (sighting: Sighting) => void;
  readonly onReport: (report: RestoreReport) => void;
};

/** Retention runs daily, however often the guard does; the hours of its runs differ a little. */
const retentionEveryHours = 20;

type Step = 'mails of before' | 'clocks' | 'verify' | 'expire' | 'read again' | 'watch' | 'restore test';

/**
 * Runs once.
 *
 * @returns What the first step that failed has thrown, of which the operator was told; `MAIL_REFUSED` if there is anything of
 *   which he was not.
 * @throws {@link OffsiteError} `GUARD_RUNS`, `GUARD_DEPENDENT`, or what the store says: nothing was done; `STORE_UNREACHABLE` if it is
 *   gone meanwhile, of which nobody was told.
 */
export async function runGuard(options: GuardOptions): Promise<unknown> {
  const { store, now, log, mailbox } = options;
  await assertMayLook(store, archivesPrefix);
  const lock = await takeLock(store, now, log);
  const failures = new Map<Step, unknown>();
  try {
    for (const [step, act] of steps(options)) await attempt(step, act, failures, options);
  } finally {
    await inTime(lock.release()).catch((error: Error) =>
      log(`the lock was not given back: ${error.message}`),
    );
  }
  const [failure] = failures.values();
  return failure ?? mailbox.trouble();
}

function* steps(options: GuardOptions): Generator<[Step, () => Promise<void>]> {
  const { store, guard, mailbox, now, seen } = options;
  const { sendMail } = mailbox;
  yield ['mails of before', mailbox.sendKept];
  // Looked at by each run: by a clock that is behind nothing would be due, and nobody would hear of it.
  let agree = false;
  yield [
    'clocks',
    async () => {
      assertClocksAgree(store.clockAheadMs?.());
      agree = true;
    },
  ];
  const verifying = { ...options, ...seen, sendMail };
  yield ['verify', async () => throwUntold(await verifyNew(verifying))];
  yield [
    'expire',
    async () => {
      if (agree && (await isRetentionDue(store, now()))) await expire(options);
    },
  ];
  // Retention asks for archives each night; what came of the log, the last look.
  yield ['read again', async () => throwUntold(await verifyDue(verifying))];
  yield [
    'watch',
    () =>
      watchVault({
        store,
        sources: guard.sources,
        limits: limitsOf(guard),
        now: now(),
        sendMail,
        onArrivals: () => {},
        ...seen,
      }),
  ];
  const testing = { ...options, ...seen, sources: guard.sources, isWanted: options.wantsTest, sendMail };
  // Its report would be dated as wrong: one of next year is the newest until then.
  if (agree) yield ['restore test', async () => void (await runRestoreTests(testing))];
}

async function isRetentionDue(store: ArchiveStore, now: Date): Promise<boolean> {
  const last = await readLastRun(store);
  return last === undefined || last.isAwaited || hoursBetween(last.endedAt, now) >= retentionEveryHours;
}

async function expire({ store, guard, extendLock, now, seen }: GuardOptions): Promise<void> {
  const policy = { ...guard, atOnce: false };
  await expireVault({
    store,
    policy,
    rereadPercent: guard.rereadPercent,
    now: now(),
    dryRun: false,
    extendLock,
    ...seen,
  });
}

/** Manifests that cannot be read were told of; nothing is mended by running again. */
function throwUntold(failures: ReadonlyMap<string, unknown>): void {
  const isTold = (error: unknown) => error instanceof OffsiteError && error.code.startsWith('MANIFEST_');
  throwFailures(new Map([...failures].filter(([, error]) => !isTold(error))), 'archive');
}

async function attempt(
  step: Step,
  act: () => Promise<void>,
  failures: Map<Step, unknown>,
  { store, mailbox, now, log, signal }: GuardOptions,
): Promise<void> {
  await unlessAway({ store, signal }, act, async (error) => {
    failures.set(step, error);
    log(`${step}: ${(error as Error).message}`);
    const code = error instanceof OffsiteError ? error.code : 'UNEXPECTED';
    const about = `guard-${step.replaceAll(' ', '-')}-${code}-${now().toISOString().slice(0, 10)}`;
    const teller = { store, sendMail: mailbox.sendMail, now: now(), log };
    await tellOnce(teller, about, failureMail(step, error)).catch((untold: Error) => log(untold.message));
  });
}

function failureMail(step: Step, error: unknown): Mail {
  const { message, expected, found, hint } = error as Partial<OffsiteError>;
  return composeMail(`[offsite] The guard FAILED at: ${step}`, [
    `The guard could not do this step: ${message}. The others had their turn; the next run tries again. No archive is lost by that.`,
    expected === undefined ? '' : `expected  ${expected}\nfound     ${found}`,
    hint === undefined ? '' : `What to do: ${hint}.`,
    'This mail comes once a day until it is mended.',
  ]);
}
