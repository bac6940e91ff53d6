// Where a vault is, and whose prices what lies in it has.

import type { Settings } from '../../lib/settings/config.ts';

/** The region that the settings say, or else the environment. */
export function regionOf({ region }: Pick<Settings, 'region'>): string | undefined {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  return region ?? (AWS_REGION || AWS_DEFAULT_REGION || undefined);
}

/** @returns `undefined` of a store that is not AWS's: its prices are not known here. */
export function pricedRegion({ endpoint, provider = 'aws', region }: Settings): string | undefined {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env;
  if (provider !== 'aws' || (endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL)) return undefined;
  return regionOf({ region }) ?? 'us-east-1';
}
