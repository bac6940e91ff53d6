import { describeError, exitCodeOf, OffsiteError } from '../../lib/base/errors.ts';
import { describeChecks, diagnosisAnswer, diagnosisExitCode } from '../../lib/doctor/diagnosis.ts';
import { createVaultProbe } from '../../lib/doctor/probe.ts';
import { examineGuard } from '../../lib/guard/examine.ts';
import { assertIndependent } from '../../lib/guard/independence.ts';
import { runGuard, type Seen } from '../../lib/guard/run.ts';
import { findTestServer } from '../../lib/guard/test-server.ts';
import { noteRun, tellOfNoRun } from '../../lib/guard/untold.ts';
import type { Judged } from '../../lib/guard/verify.ts';
import { pingOf } from '../../lib/nightly/night.ts';
import { sendNotices } from '../../lib/nightly/send.ts';
import type { RestoreReport } from '../../lib/report/report.ts';
import type { Planned } from '../../lib/retention/expire-kind.ts';
import type { Sighting } from '../../lib/retention/watch.ts';
import type { GuardedVault } from '../../lib/settings/settings.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { ownRestoreCommand } from '../../lib/wal/restore-command.ts';
import { describePlan } from './expire.ts';
import { assertHeard, extendLockOf, mailboxOf, smtpOf } from './guarded.ts';
import { print, printJson, saidLines, tell, warn } from './print.ts';
import { openStoreToRead } from './reading-store.ts';
import { replayEnvironment } from './replay-environment.ts';
import { describeSighting } from './watch.ts';

type Flags = { check?: boolean; besideAgent?: boolean; restoreTest?: boolean; json?: boolean };

export async function runGuardCommand(vault: GuardedVault, flags: Flags, signal: AbortSignal): Promise<void> {
  if (flags.check) {
    await check(vault, flags);
    return;
  }
  const { settings } = vault;
  const ping = async (path: string, more = '') => {
    if (settings.pingUrl === undefined) return;
    const log = [saidLines(), more].filter((text) => text !== '').join('\n');
    for (const said of await sendNotices([pingOf(settings.pingUrl, path, log)])) warn(said);
  };
  await ping('/start');
  const noted = noteSeen();
  try {
    await guardOnce(vault, { ...flags, seen: flags.json ? noted.seen : printSeen }, signal);
    if (flags.json) printJson('guard', { ...noted.answer, failure: null });
  } catch (error) {
    if (flags.json) printJson('guard', { ...noted.answer, failure: failureOf(error) });
    // How this run ends, the other guard says.
    if (!(error instanceof OffsiteError) || error.code !== 'GUARD_RUNS')
      await ping(`/${exitCodeOf(error)}`, describeError(error));
    throw error;
  }
  await ping('');
}

async function guardOnce(
  { settings, guard, namesDump }: GuardedVault,
  { seen, ...flags }: Flags & { readonly seen: Seen },
  signal: AbortSignal,
): Promise<void> {
  assertHeard(settings, guard);
  const { store, connections } = await openStoreToRead(settings);
  const mailbox = mailboxOf(store, settings, guard);
  const begin = async () => {
    warn(await assertIndependent(guard.sources, namesDump, flags.besideAgent ?? false));
    return runGuard({
      ...settings,
      store,
      connections,
      guard,
      extendLock: await extendLockOf(settings, guard),
      mailbox,
      findServer: () => findTestServer(guard, signal),
      pointOf: async (source) => ({
        restoreCommand: ownRestoreCommand(),
        env: await replayEnvironment({ ...settings, source }),
      }),
      wantsTest: flags.restoreTest,
      now: () => new Date(),
      log: tell,
      seen,
      signal,
    });
  };
  const failure = await begin().catch(async (error) => {
    warn(await tellOfNoRun(error, mailbox.sendMail, new Date()));
    throw error;
  });
  await noteRun();
  // It was told of already.
  if (failure !== undefined) throw failure;
}

const printSeen: Seen = {
  onVerdict: ({ id, verdict, isNew }) => print(`${id}: ${verdict}${isNew ? '' : ', as before'}\n`),
  onPlan: (plan) => {
    const takes = plan.expire.length > 0 || plan.log?.some(({ expired }) => expired > 0);
    const stands = plan.kind === 'database' && plan.standstill !== undefined;
    if (takes || stands) print(`${describePlan(plan, false)}\n`);
  },
  onSighting: (sighting) => print(`${describeSighting(sighting)}\n`),
  onReport: ({ id, outcome }) => print(`${id}: restore test ${outcome}\n`),
};

/** Keeps for the answer what a person is shown on the way. */
function noteSeen() {
  const answer = {
    verdicts: [] as Judged[],
    plans: [] as Planned[],
    sightings: [] as Sighting[],
    restoreTests: [] as Pick<RestoreReport, 'id' | 'outcome'>[],
  };
  const seen: Seen = {
    onVerdict: (judged) => answer.verdicts.push(judged),
    onPlan: (plan) => answer.plans.push(plan),
    onSighting: (sighting) => answer.sightings.push(sighting),
    onReport: ({ id, outcome }) => answer.restoreTests.push({ id, outcome }),
  };
  return { answer, seen };
}

function failureOf(error: unknown) {
  const { code = 'UNEXPECTED', message } = error as Partial<OffsiteError> & Error;
  return { code, message };
}

async function check({ settings, guard, namesDump }: GuardedVault, { json }: Flags): Promise<void> {
  const checks = await examineGuard({
    vault: createVaultProbe(settings, guard.sources[0] as string),
    independence: assertIndependent(guard.sources, namesDump, false),
    smtp: smtpOf(guard),
    ways: settings,
    findServer: () => findTestServer(guard),
    store: createS3Store(settings),
    sources: guard.sources,
    now: () => new Date(),
  });
  if (json) printJson('guard --check', diagnosisAnswer(checks));
  else print(`${describeChecks(checks, Math.min(process.stdout.columns || 80, 100)).join('\n')}\n`);
  process.exitCode = diagnosisExitCode(checks);
}
