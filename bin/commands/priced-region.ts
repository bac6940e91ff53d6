// Whose prices what lies in a vault has.

import type { Settings } from '../../lib/settings/config.ts';

/** @returns `undefined` of a store that is not AWS's: its prices are not known here. */
export function pricedRegion({ endpoint, provider = 'aws', region }: Settings): string | undefined {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  if (provider !== 'aws' || (endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL)) return undefined;
  return region ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? 'us-east-1';
}
