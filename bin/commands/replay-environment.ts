// What restore_command knows of the vault. Postgres runs it as a user of its own, who reads neither our settings file nor our
// credentials, with a home that is another's.

import { devNull } from 'node:os';
import type { Settings } from '../../lib/settings/config.ts';
import { environmentOf } from '../../lib/settings/environment.ts';
import { openSession } from '../../lib/store/session.ts';

/**
 * The environment of a server that replays the log of a source.
 *
 * @throws {@link OffsiteError} `CREDENTIALS_MISSING`.
 */
export async function replayEnvironment(settings: Settings): Promise<Record<string, string | undefined>> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('OFFSITE_'));
  const { dump: _, sidecar: __, guard: ___, pingUrl: ____, caBundle, ...vault } = settings;
  return {
    ...Object.fromEntries(inherited),
    ...environmentOf(vault),
    // A file that says nothing, in place of those in the usual places.
    OFFSITE_CONFIG: devNull,
    ...(caBundle !== undefined && { AWS_CA_BUNDLE: caBundle }),
    ...(await keysOf(settings)),
  };
}

/** Of what expires, a replay may outlast it: who gives it is asked again by each program. */
async function keysOf(settings: Settings): Promise<Record<string, string | undefined>> {
  const { credentials, reader } = openSession(settings);
  const { accessKeyId, secretAccessKey, expiration, sessionToken } = await credentials();
  if (expiration !== undefined) return {};
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_REGION: await reader.config.region(),
    AWS_PROFILE: undefined,
    OFFSITE_PROFILE: undefined,
  };
}
