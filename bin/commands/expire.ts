import { formatHours, plural } from '../../lib/base/quantities.ts';
import { expireVault } from '../../lib/guard/expire.ts';
import { textTable } from '../../lib/mail/mail.ts';
import type { LogShare, Planned } from '../../lib/retention/expire-kind.ts';
import type { GuardedVault } from '../../lib/settings/settings.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { extendLockOf } from './guarded.ts';
import { print, printJson } from './print.ts';

type Flags = { dryRun?: boolean; atOnce?: boolean; json?: boolean };

export async function runExpire({ settings, guard }: GuardedVault, flags: Flags): Promise<void> {
  const dryRun = flags.dryRun ?? false;
  const plans: Planned[] = [];
  await expireVault({
    store: createS3Store(settings),
    policy: { ...guard, atOnce: flags.atOnce ?? false },
    rereadPercent: guard.rereadPercent,
    now: new Date(),
    dryRun,
    extendLock: dryRun ? undefined : await extendLockOf(settings, guard),
    onPlan: (plan) => plans.push(plan),
  }).finally(() => {
    if (flags.json) printJson('expire', { dryRun, plans });
    else for (const plan of plans) print(`${describePlan(plan, dryRun)}\n`);
  });
  if (plans.length === 0 && !flags.json) print(`no archive in ${settings.bucket} yet\n`);
}

export function describePlan(plan: Planned, dryRun: boolean): string {
  const { source, kind, keep, expire, standstill, readings, log = [] } = plan;
  const whose = { database: source, sidecar: `${source} (the dashboard's)`, 'base backup': source }[kind];
  const what = kind === 'base backup' ? 'base backup' : 'archive';
  const rows = [
    ...expire.map((one) => ({ ...one, what: dryRun ? 'would go' : 'gone' })),
    ...keep.map((one) => ({ ...one, what: 'stays' })),
  ];
  return [
    `${whose}: ${plural(expire.length, what)} ${dryRun ? 'would go' : 'gone'}, ${keep.length} stay${standstill === undefined ? '' : `; retention stands still: ${standstill}`}`,
    textTable([
      [what, 'age', 'verdict', 'what', 'why'],
      ...rows.map(({ id, ageHours, standing, what, reasons }) => [
        id,
        formatHours(ageHours),
        standing,
        what,
        reasons.join('; '),
      ]),
    ]),
    ...log.map((one) => describeShare(one, dryRun)),
    ...readings.map(({ id, reason }) => `to be read again: ${id}, ${reason}`),
  ].join('\n');
}

function describeShare({ files, expired, from, to }: LogShare, dryRun: boolean): string {
  const which = expired === 0 ? '' : `, ${from} to ${to}`;
  return `log: ${expired} of ${plural(files, 'file')} ${dryRun ? 'would go' : 'gone'}${which}`;
}
