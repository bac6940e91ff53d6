// guard --check: all that a guard needs, looked at; nothing is changed, and nobody is mailed.

import type { OffsiteError } from '../base/errors.ts';
import { attempt } from '../doctor/attempt.ts';
import { type Check, failed, failedCheck, passed, warned } from '../doctor/diagnosis.ts';
import type { Attempt, VaultProbe } from '../doctor/probe.ts';
import { examineBucket, examineClock } from '../doctor/vault.ts';
import type { Smtp } from '../mail/smtp.ts';
import type { Receivers } from '../nightly/night.ts';
import { serverProgramsOf } from '../recovery-point/programs.ts';
import { newestBase } from '../restore-test/point-base.ts';
import type { ArchiveStore } from '../store/store.ts';
import { assertClocksAgree } from './clocks.ts';
import type { TestServer } from './test-server.ts';

export type GuardExamination = {
  readonly vault: VaultProbe;
  /** Rejects where archives are taken. */
  readonly independence: Promise<unknown>;
  readonly smtp: Smtp | undefined;
  readonly ways: Receivers;
  readonly findServer: () => TestServer;
  readonly store: ArchiveStore;
  readonly sources: readonly string[];
  readonly now: () => Date;
};

export async function examineGuard(examination: GuardExamination): Promise<Check[]> {
  const { vault, independence, smtp, ways, findServer, store, sources, now } = examination;
  return [
    await tried('independence', async () => {
      await independence;
      return 'no archives are taken here, as far as is to be seen';
    }),
    examinePower('list', await vault.list()),
    examinePower('write', await vault.write()),
    examinePower('read', await vault.read(undefined)),
    examinePower('delete', await vault.delete()),
    await examineBucket(vault),
    await tried('clock', async () => {
      assertClocksAgree(vault.clockAheadMs());
      return examineClock({ vault, now });
    }),
    await examineMail(smtp, ways),
    ways.pingUrl === undefined
      ? warned(
          'ping',
          'nobody notices when the guard itself stops',
          'set pingUrl (Healthchecks): it tells you when no ping has come',
        )
      : passed('ping', 'somebody waits for its pings'),
    await tried('restore test', async () => {
      const { what, probe } = findServer();
      await probe?.();
      return `into ${what}`;
    }),
    ...(await Promise.all(sources.map((source) => examinePoint(store, source)))).flat(),
  ];
}

/** Of a source with base backups, what a restore test recovers a point by. */
async function examinePoint(store: ArchiveStore, source: string): Promise<Check[]> {
  const check = await tried('recovery to a point', async () => {
    const base = await newestBase(store, source);
    if (base === undefined) return '';
    const binDir = await serverProgramsOf(Math.floor(base.manifest.cluster.serverVersionNumber / 10_000));
    return `${source}, by the programs in ${binDir}`;
  });
  return check.found === '' ? [] : [check];
}

function examinePower(name: string, { outcome, ...rest }: Attempt<unknown>): Check {
  if (outcome === 'done' || outcome === 'unset') return passed(name, 'allowed');
  return failedCheck(name, (rest as { error: OffsiteError }).error);
}

async function examineMail(smtp: Smtp | undefined, { ntfyUrl, webhookUrl }: Receivers): Promise<Check> {
  if (smtp !== undefined)
    return tried('mail', async () => {
      await smtp.probe();
      return 'the server lets us in';
    });
  const others = ntfyUrl ?? webhookUrl;
  if (others !== undefined) return passed('mail', 'no mails; ntfy or a webhook is told');
  return failed(
    'mail',
    'nobody would hear of anything',
    'set smtpUrl and email, or ntfyUrl, or webhookUrl',
    2,
  );
}

function tried(name: string, look: () => Promise<string | Check>): Promise<Check> {
  return attempt(name, async () => {
    const found = await look();
    return typeof found === 'string' ? passed(name, found) : found;
  });
}
