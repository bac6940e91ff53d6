// What the aws command would take from its own settings: the endpoint and the authorities of the environment or of a
// profile. The SDK looks at the endpoint of AWS_PROFILE only, and at none of a profile that is named otherwise.

import { OffsiteError } from '../base/errors.ts';
import type { RawSettings } from './layers.ts';

/**
 * The settings that lie below all others.
 *
 * @param profile - The profile that our own settings name.
 * @throws {@link OffsiteError} `CONFIG_INVALID` if a profile is named and there is none of that name.
 */
export async function settingsOfAws(
  environment: NodeJS.ProcessEnv,
  profile: string | undefined = environment.AWS_PROFILE || undefined,
): Promise<RawSettings> {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS } = environment;
  const { configFile, credentialsFile } = await sharedFiles();
  const named = profile ?? 'default';
  const found = { ...configFile[named], ...credentialsFile[named] };
  if (profile !== undefined && !(profile in configFile) && !(profile in credentialsFile)) {
    const names = namesIn({ configFile, credentialsFile });
    throw new OffsiteError('CONFIG_INVALID', `there is no profile '${profile}'`, {
      expected: 'a profile of ~/.aws/config or ~/.aws/credentials',
      found: names.join(', ') || 'none at all',
      hint: 'mend its name: --profile, OFFSITE_PROFILE, AWS_PROFILE or "profile" in the settings file',
    });
  }
  const caBundle = environment.AWS_CA_BUNDLE || found.ca_bundle;
  const authorities = caBundle ? { caBundle } : {};
  if (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true') return authorities;
  const services = found.services === undefined ? {} : configFile[`services.${found.services}`];
  const endpoint =
    AWS_ENDPOINT_URL_S3 || AWS_ENDPOINT_URL || services?.['s3.endpoint_url'] || found.endpoint_url;
  return endpoint === undefined ? authorities : { ...authorities, endpoint };
}

type Sections = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

type SharedFiles = { readonly configFile: Sections; readonly credentialsFile: Sections };

export async function profileNames(): Promise<string[]> {
  return namesIn(await sharedFiles());
}

/** Without sections of another kind, `services.stores`. */
function namesIn({ configFile, credentialsFile }: SharedFiles): string[] {
  const names = new Set([...Object.keys(configFile), ...Object.keys(credentialsFile)]);
  return [...names].filter((name) => !name.includes('.'));
}

async function sharedFiles(): Promise<SharedFiles> {
  const { loadSharedConfigFiles } = await import('@smithy/core/config');
  // One that was added a moment ago (offsite init) is read, too.
  return loadSharedConfigFiles({ ignoreCache: true });
}
