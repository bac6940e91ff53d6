// offsite backup --before-upgrade FROM TO

import type { Manifest } from '../../lib/archive/manifest.ts';
import type { ArchiveId } from '../../lib/archive/names.ts';
import { formatAge, formatDuration, formatInstant, parseDuration } from '../../lib/base/quantities.ts';
import { findEnough, holdForUpgrade, waitForIntact } from '../../lib/retention/before-upgrade.ts';
import { stepBetween } from '../../lib/retention/upgrade-step.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage } from './flags.ts';
import { print, printJson, tell } from './print.ts';

export type UpgradeFlags = {
  beforeUpgrade?: readonly string[];
  operatorProfile?: string;
  verdictTimeout: string;
  json?: boolean;
};

/** A back-up that is to be taken before an upgrade. */
export type Upgrade = {
  /** Holds it; to be called before its dump begins. */
  hold(id: ArchiveId): Promise<void>;
  /** Waits until it is proven. @returns What to add to the result. */
  proven(manifest: Manifest): Promise<{ readonly verdict: 'intact'; readonly heldUntil: Date }>;
};

const toldEveryMs = 60_000;

/**
 * Looks whether a back-up is needed before an upgrade, and says so where not.
 *
 * @returns `undefined` if the last night's archive is enough, and is held now.
 */
export async function beforeUpgrade(
  settings: Settings,
  { beforeUpgrade: versions = [], operatorProfile, verdictTimeout, json }: UpgradeFlags,
  signal: AbortSignal,
): Promise<Upgrade | undefined> {
  const [from, to, ...others] = versions;
  if (from === undefined || to === undefined || others.length > 0)
    throw usage(
      'two versions: --before-upgrade FROM TO',
      versions.join(' '),
      'for example --before-upgrade 0.9.1 0.10.0; a command that dumps stands after -- , behind them',
    );
  const step = stepBetween(from, to);
  const limitMs = parseDuration(verdictTimeout, '--verdict-timeout');
  const profile = operatorProfile ?? settings.profile;
  const store = createS3Store({ ...settings, profile });
  const now = new Date();
  const enough = await findEnough(store, settings.source, step, now);
  if (enough !== undefined) {
    const heldUntil = await holdForUpgrade(store, enough.id, now);
    const { id } = enough.id;
    const age = formatAge(enough.datedAt, now);
    if (json) printJson('backup --before-upgrade', { id, step, taken: false, verdict: 'intact', heldUntil });
    else
      print(
        `${from} to ${to} is a PATCH step: ${id}, intact and ${age} old, is enough; held until ${formatInstant(heldUntil)}\n`,
      );
    return undefined;
  }
  tell(`${from} to ${to} is a ${step} step: taking an archive, and waiting until it is proven …`);
  let heldUntil = now;
  return {
    async hold(id) {
      heldUntil = await holdForUpgrade(store, id, now);
    },
    async proven(manifest) {
      const began = performance.now();
      const said = `offsite: ${manifest.id} is stored and held; waiting for its verdict`;
      const telling = setInterval(
        () => tell(`${said}, ${formatDuration(performance.now() - began)}`),
        toldEveryMs,
      );
      tell(said);
      try {
        await waitForIntact(store, manifest, { signal, limitMs });
      } finally {
        clearInterval(telling);
      }
      if (!json)
        print(
          `${manifest.id} is intact, and held until ${formatInstant(heldUntil)}: go on with the upgrade\n`,
        );
      return { verdict: 'intact', heldUntil };
    },
  };
}
