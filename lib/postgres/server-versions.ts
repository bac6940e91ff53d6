// Whether a server can hold what another one's dump describes: never an older major version.

import { OffsiteError } from '../base/errors.ts';

/**
 * Refuses a server that is older than the archive.
 *
 * @param dumped - Version of the server that was dumped, as the dump's header has it. What a newer pg_dump sets for its own
 *   session is left out where a server does not know it.
 * @throws {@link OffsiteError} `SERVER_TOO_OLD`.
 */
export function assertServerFits(
  dumped: { readonly serverVersion?: string | undefined },
  server: string,
): void {
  const needed = majorOf(dumped.serverVersion);
  if (majorOf(server) >= needed) return;
  throw new OffsiteError('SERVER_TOO_OLD', 'the server is older than the archive', {
    expected: `PostgreSQL ${needed} or newer: the archive is of PostgreSQL ${dumped.serverVersion}`,
    found: `PostgreSQL ${server}`,
    hint: `restore into a server of PostgreSQL ${needed} or newer ('offsite restore --url URL', or 'offsite restore --container NAME'); for the restore test in the cloud: npx cdk deploy -c postgresMajor=${needed}`,
  });
}

/** `15.18 (Debian …)` → 15; 0 where there is none. */
export function majorOf(version: string | undefined): number {
  return Number.parseInt(version ?? '0', 10) || 0;
}
