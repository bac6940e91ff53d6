// A recovery as a person reads it.

import { hanging } from '../base/wrap.ts';
import { type Check, describeChecks } from '../doctor/diagnosis.ts';
import type { StepState } from './steps.ts';

export type Told = {
  readonly checks: readonly Check[];
  readonly plan?: readonly StepState[] | undefined;
  /** What is left for a person. */
  readonly byHand?: readonly string[] | undefined;
  /** The first line, and the last. */
  readonly head?: string | undefined;
  readonly sum: string;
};

/**
 * What no program can do for the operator, with the place where it is done.
 *
 * @param app - Where BitAgent answers on this host.
 * @param host - This host's name.
 */
export function byHand(app: URL, host: string): string[] {
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

/** All of it, in lines of at most `columns` columns. */
export function describeRecovery({ checks, plan, byHand, head, sum }: Told, columns: number): string {
  const parts = [
    head === undefined ? [] : [head],
    checks.length === 0 ? [] : describeChecks(checks, columns),
    plan === undefined ? [] : describePlan(plan, columns),
    byHand === undefined ? [] : ['Left for you:', ...byHand.flatMap((one) => hanging('  - ', one, columns))],
    [sum],
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

/** The steps, each with what it will do or what shows that it is done. */
export function describePlan(plan: readonly StepState[], columns: number): string[] {
  return plan.flatMap(({ name, does, proof }, index) => {
    const head = `${index + 1}. ${name.padEnd(9)} `;
    return hanging(head, proof === undefined ? does : `done already: ${proof}`, columns);
  });
}
