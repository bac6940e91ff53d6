// examine-vault: the part of doctor that looks at the store: who are we there, may we create, may we do no more than
// that, is the bucket kept as it should be, and do our clocks agree?

import { clockToleranceMs } from '../archive/manifest.ts';
import { parseArchiveId } from '../archive/names.ts';
import { OffsiteError } from '../base/errors.ts';
import { formatDuration, formatHours, formatInstant, hoursBetween } from '../base/quantities.ts';
import { describeMissing, type RecipientsNote } from '../mail/recipients.ts';
import { attempt } from './attempt.ts';
import { type Check, failed, failedCheck, passed, warned } from './diagnosis.ts';
import type { Attempt, VaultProbe } from './probe.ts';
import type { Written } from './try-write.ts';

type VaultOptions = {
  readonly vault: VaultProbe;
  readonly lastId?: string | undefined;
  readonly lastArchiveId?: string | undefined;
  readonly now: () => Date;
};

/** Looks at the vault; goes no further where the store does not answer. */
export async function examineVault(options: VaultOptions): Promise<Check[]> {
  const { vault } = options;
  const identity = await attempt('credentials', () => vault.identity());
  if ('outcome' in identity) return [identity];
  const write = examineWrite(await vault.write());
  if (write.outcome === 'fail') return [describeIdentity(identity, vault, options.now()), write];
  const powers = [
    examinePower('list', await vault.list()),
    examinePower('read', await vault.read(options.lastArchiveId), options.lastArchiveId === undefined),
    examinePower('delete', await vault.delete()),
  ];
  const bucket = await examineBucket(vault);
  const mails = examineRecipients(await vault.recipients());
  return [
    // After the refusals, which name us.
    describeIdentity(identity, vault, options.now()),
    write,
    ...powers,
    bucket,
    ...mails,
    examineClock(options),
  ];
}

function describeIdentity(
  { accessKeyId, expiresAt }: Awaited<ReturnType<VaultProbe['identity']>>,
  vault: VaultProbe,
  now: Date,
): Check {
  const name = 'credentials';
  const key = `${accessKeyId.slice(0, 4)}…${accessKeyId.slice(-4)}`;
  const who = vault.principal();
  const until = expiresAt === undefined ? '' : `, until ${formatInstant(expiresAt)}`;
  const found = `${key}${who === undefined ? '' : `, ${who}`}${until}`;
  if (expiresAt === undefined || hoursBetween(now, expiresAt) > 1) return passed(name, found);
  return warned(
    name,
    found,
    'they end soon: give the agent a role or a profile that renews them (AWS_PROFILE), not copies in the environment',
  );
}

function examineWrite(tried: Attempt<Written>): Check {
  const name = 'write';
  switch (tried.outcome) {
    case 'done':
      if (tried.value.aborted && !tried.value.comparesChecksums) {
        return passed(
          name,
          'an upload was begun and aborted: archives can be created; but this store compares no checksums',
        );
      }
      return tried.value.aborted
        ? passed(name, 'all that a back-up asks was asked: archives can be created')
        : warned(
            name,
            'an upload was begun, but may not be aborted: parts of failed back-ups stay',
            'allow s3:AbortMultipartUpload, as the policy of the output AgentPolicyArn does (other stores: docs/guard.md)',
          );
    case 'unset':
      return failed(name, 'the store knows no multipart uploads', 'use a store that does', 4);
    default:
      return tried.error instanceof OffsiteError
        ? failedCheck(name, tried.error)
        : failed(name, tried.error.message, undefined, 4);
  }
}

/** What the agent had better not be able to do: a stolen key must not reach the archives that there are. */
function examinePower(name: 'list' | 'read' | 'delete', attempt: Attempt<void>, nothingKnown = false): Check {
  if (attempt.outcome === 'refused') {
    const found = nothingKnown ? 'refused, as far as an empty vault shows' : 'refused, as it should be';
    return passed(name, found);
  }
  if (attempt.outcome === 'failed') {
    return warned(name, `not found out: ${attempt.error.message}`, 'try again');
  }
  const harm: Record<typeof name, string> = {
    list: 'who steals its key sees what archives there are',
    read: 'who steals its key reads the whole database',
    delete: 'who breaks into this host deletes the archives, too',
  };
  const found = `these credentials may ${name}: ${harm[name]}`;
  return warned(
    name,
    found,
    "give the host a key that only creates (AWS: the policy of the output AgentPolicyArn; other stores: 'Set up' in docs/guard.md)",
  );
}

/** What a store's own means would save, and what is at stake without them. */
const costs = {
  versions:
    'turn versioning on: without it a deleted or overwritten archive is gone at once, and undo brings nothing back',
  lock: 'turn Object Lock on, where the store has it: without it who has a key that may delete deletes every archive',
  uploads:
    'let a lifecycle rule abort uploads after 7 days: what a killed back-up leaves is paid for without end',
  noncurrent:
    'let a lifecycle rule remove noncurrent versions (after 7 days): what retention deletes takes its room for ever',
  access: 'block public access, where the store knows such a block',
} as const;

/** Looks at the means by which the bucket keeps archives safe by itself. */
export async function examineBucket(
  vault: Pick<VaultProbe, 'versioning' | 'objectLock' | 'lifecycle' | 'publicAccessBlocked'>,
): Promise<Check> {
  const name = 'bucket';
  const versioning = await vault.versioning();
  const lock = await vault.objectLock();
  const lifecycle = await vault.lifecycle();
  const blocked = await vault.publicAccessBlocked();
  const all = [versioning, lock, lifecycle, blocked];
  if (all.every(({ outcome }) => outcome === 'refused')) {
    return passed(name, 'its settings may not be read by these credentials');
  }
  const found = [
    `versioning ${wordOf(versioning)}`,
    `Object Lock ${wordOf(lock)}`,
    `lifecycle ${wordOf(lifecycle, ({ endsUploads, removesVersions }) => (endsUploads || removesVersions ? 'on' : 'off'))}`,
    `public access ${wordOf(blocked, (isBlocked) => (isBlocked ? 'blocked' : 'not blocked')).replace('off', 'not blocked')}`,
  ].join(', ');
  const isOff = <Value>(attempt: Attempt<Value>, isOn: (value: Value) => boolean) =>
    attempt.outcome === 'unset' || (attempt.outcome === 'done' && !isOn(attempt.value));
  const isVersioned = !isOff(versioning, (value) => value === 'Enabled');
  const grave = [
    ...(isVersioned ? [] : [costs.versions]),
    ...(isOff(blocked, Boolean) ? [costs.access] : []),
  ];
  const advice = [
    ...grave,
    ...(isOff(lock, (value) => value !== 'off') ? [costs.lock] : []),
    ...(isOff(lifecycle, ({ endsUploads }) => endsUploads) ? [costs.uploads] : []),
    ...(isVersioned && isOff(lifecycle, ({ removesVersions }) => removesVersions) ? [costs.noncurrent] : []),
  ];
  if (advice.length === 0) return passed(name, found);
  return { name, outcome: grave.length === 0 ? 'pass' : 'warn', found, advice: advice.join('; ') };
}

function wordOf<Value>(attempt: Attempt<Value>, word: (value: Value) => string = String): string {
  if (attempt.outcome === 'done') return word(attempt.value);
  return attempt.outcome === 'unset' ? 'off' : 'unknown';
}

/** Nothing where nobody has noted it: another store has no cloud side, and a new one has not looked yet. */
function examineRecipients(attempt: Attempt<RecipientsNote | undefined>): Check[] {
  const name = 'mails';
  if (attempt.outcome === 'refused') {
    return [
      passed(name, "who gets them may not be read by these credentials ('offsite list' with yours says it)"),
    ];
  }
  if (attempt.outcome !== 'done' || attempt.value === undefined) return [];
  const missing = describeMissing(attempt.value);
  if (missing !== undefined) return [{ name, outcome: 'warn', ...missing }];
  return [passed(name, `faults are told to ${attempt.value.confirmed.join(', ')}`)];
}

/** Whether this machine's clock and the store's agree. */
export function examineClock({ vault, lastId, now }: VaultOptions): Check {
  const name = 'clock';
  const aheadMs = vault.clockAheadMs();
  if (aheadMs === undefined) return warned(name, 'the store does not say what time it is');
  if (Math.abs(aheadMs) > clockToleranceMs) {
    return warned(
      name,
      `${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the store's`,
      'set it (timedatectl set-ntp true): archives are named by it, and each run begins with a refusal where it is 15 min off',
    );
  }
  const last = lastId === undefined ? undefined : parseArchiveId(lastId).takenAt;
  if (last !== undefined && last > now()) {
    return warned(
      name,
      `right, but the last archive is dated ${formatHours(hoursBetween(now(), last))} in the future`,
      `the clock was wrong when ${lastId} was taken; remove the agent's state, and ids follow the clock again`,
    );
  }
  return passed(name, "within a minute of the store's");
}
