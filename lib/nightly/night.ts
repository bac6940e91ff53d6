// How a run of the agent began or ended, and what that says to each of those who want to hear of it.

import { formatBytes, formatDuration } from '../base/quantities.ts';

export type StoredFigures = {
  readonly id: string;
  readonly plainBytes: number;
  readonly compressedBytes: number;
};

export type Night = {
  readonly source: string;
  /** Of the run, when it ended; 0 before. */
  readonly durationMs: number;
  /** The last that the run has said, for a person. */
  readonly log: string;
} & (
  | { readonly outcome: 'begun' }
  | { readonly outcome: 'stored'; readonly stored: StoredFigures }
  | { readonly outcome: 'failed'; readonly exitCode: number }
);

/** Who wants to hear of it. */
export type Receivers = {
  /** As Healthchecks has it: the URL itself is success, `/start` a beginning, `/<exit code>` a failure. */
  readonly pingUrl?: string | undefined;
  /** A topic of ntfy. */
  readonly ntfyUrl?: string | undefined;
  /** Takes JSON; Slack, Mattermost and Discord find their text in it. */
  readonly webhookUrl?: string | undefined;
  /** Of which ends ntfy and webhook hear: failures only, if it is not said. */
  readonly notify?: 'failures' | 'always' | undefined;
};

/** A request to be made: always a POST. */
export type Notice = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

const logBytes = 10_000;

/** What is to be sent to whom. */
export function noticesOf(night: Night, receivers: Receivers): Notice[] {
  const { pingUrl, notify } = receivers;
  const pings = pingUrl === undefined ? [] : [pingOf(pingUrl, pingPath(night), night.log)];
  if (night.outcome === 'begun' || (night.outcome === 'stored' && notify !== 'always')) return pings;
  const isFault = night.outcome === 'failed';
  return [...pings, ...lettersOf({ title: titleOf(night), isFault, ...night }, receivers)];
}

/** A ping, as Healthchecks wants it. @param path - `/start`, nothing where all went well, or a slash and the exit code. */
export function pingOf(pingUrl: string, path: string, log: string): Notice {
  return { url: below(pingUrl, path), headers: plain, body: log.slice(-logBytes) };
}

/** What ntfy and a webhook are sent: a title, and what there is to say. What else there is, a webhook finds in its JSON. */
export function lettersOf(
  { title, isFault, ...letter }: { title: string; isFault: boolean; log: string },
  { ntfyUrl, webhookUrl }: Pick<Receivers, 'ntfyUrl' | 'webhookUrl'>,
): Notice[] {
  const notices: Notice[] = [];
  const log = letter.log.slice(-logBytes);
  if (ntfyUrl !== undefined) {
    const headers = {
      ...plain,
      title,
      priority: isFault ? 'high' : 'low',
      tags: isFault ? 'rotating_light' : 'floppy_disk',
    };
    notices.push({ url: ntfyUrl, headers, body: log });
  }
  if (webhookUrl !== undefined) {
    const text = `${title}\n${log}`;
    // Slack and Mattermost take `text`, Discord `content`, of which it takes 2,000 characters: why it failed comes last.
    const content = `${title}\n${log.slice(-(1999 - title.length))}`;
    const body = JSON.stringify({ text, content, title, ...letter, log });
    notices.push({ url: webhookUrl, headers: { 'content-type': 'application/json' }, body });
  }
  return notices;
}

const plain = { 'content-type': 'text/plain; charset=utf-8' };

function pingPath(night: Night): string {
  if (night.outcome === 'stored') return '';
  return night.outcome === 'begun' ? '/start' : `/${night.exitCode}`;
}

function below(url: string, path: string): string {
  const found = new URL(url);
  found.pathname = found.pathname.replace(/\/$/, '') + path;
  return found.href;
}

function titleOf(night: Exclude<Night, { outcome: 'begun' }>): string {
  if (night.outcome === 'failed')
    return `offsite: BACK-UP FAILED: ${night.source}, exit code ${night.exitCode}`;
  const { id, compressedBytes } = night.stored;
  return `offsite: ${id}: ${formatBytes(compressedBytes)} stored in ${formatDuration(night.durationMs)}`;
}
