// offsite install --guard

import { assertIndependent } from '../../lib/guard/independence.ts';
import { guardName } from '../../lib/nightly/installation.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import type { GuardedVault } from '../../lib/settings/settings.ts';
import { usage } from './flags.ts';
import { assertHeard } from './guarded.ts';
import { type InstallFlags, runInstall } from './install.ts';
import { warn } from './print.ts';

/** The timer of a guard: every hour. */
export async function runInstallGuard(
  vault: GuardedVault,
  given: RawSettings,
  flags: InstallFlags,
): Promise<void> {
  const { settings, guard, namesDump } = vault;
  if (flags.at !== undefined || flags.sidecar || flags.pitr !== undefined)
    throw usage('--guard alone: it runs every hour', '--at, --sidecar or --pitr');
  await assertIndependent(guard.sources, namesDump, false);
  assertHeard(settings, guard);
  if (settings.pingUrl === undefined)
    warn(
      'nobody notices when this machine itself stops: set pingUrl (Healthchecks), which tells you when no ping has come',
    );
  await runInstall(
    { ...settings, source: guardName, dump: { via: 'server' }, sidecar: undefined },
    given,
    flags,
  );
}
