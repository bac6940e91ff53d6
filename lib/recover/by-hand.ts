// What no program can do for the operator after a recovery, with the place where it is done.

import { hostname } from 'node:os';

/** @param app - Where BitAgent answers on this host. */
export function byHand(app: URL, host = hostname()): string[] {
  const seen = new URL(app);
  if (/^(127\.|localhost$|\[::1\]$)/.test(seen.hostname)) seen.hostname = host;
  const address = seen.origin;
  return [
    `Sonarr, Radarr, Lidarr, Readarr, Prowlarr: Settings > Indexers > BitAgent: the address is ${address}/torznab now, and its API key; press Test, it must be green`,
    `Sonarr, Radarr, Lidarr: Settings > Connect > Webhook: enter the URL anew (${address}/… in the place of the old host), press Test`,
    "the dashboard: look whether the corpus is there, and new torrents come; its own settings, if they were archived: 'offsite sidecar restore latest'",
    'names and ways to this host: DNS, reverse proxy, firewall (the DHT wants UDP), VPN',
    "the back-up of this host: 'offsite doctor' with the flags of the old one, then 'offsite install'",
  ];
}
