// Whether a server can hold what another one's dump describes: never an older major version.

import { OffsiteError } from '../base/errors.ts';

/** From this version on, pg_dump's file begins with a setting that older servers refuse (`transaction_timeout`). */
const newSettingsSince = 17;

/**
 * Refuses a server that is older than the archive.
 *
 * @param dumped - Versions of the server that was dumped and of pg_dump, as the dump's header has them.
 * @param server - Version of the server to restore into.
 * @throws {@link OffsiteError} `SERVER_TOO_OLD`.
 */
export function assertServerFits(
  dumped: { readonly serverVersion?: string | undefined; readonly pgDumpVersion?: string | undefined },
  server: string,
): void {
  const found = majorOf(server);
  const [from, by] = [majorOf(dumped.serverVersion), majorOf(dumped.pgDumpVersion)];
  const byNewer = by >= newSettingsSince && by > found;
  if (found >= from && !byNewer) return;
  const needed = Math.max(from, byNewer ? by : 0);
  const why =
    found < from
      ? `the archive is of PostgreSQL ${dumped.serverVersion}`
      : `the archive was written by pg_dump ${dumped.pgDumpVersion}, whose SET transaction_timeout older servers refuse`;
  throw new OffsiteError('SERVER_TOO_OLD', `the throw-away server is older than the archive`, {
    expected: `PostgreSQL ${needed} or newer: ${why}`,
    found: `PostgreSQL ${server}`,
    hint: `for the cloud: npx cdk deploy -c postgresMajor=${needed}; on this machine: install postgresql-${needed}`,
  });
}

function majorOf(version: string | undefined): number {
  return Number.parseInt(version ?? '0', 10) || 0;
}
