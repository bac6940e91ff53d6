// How far an archive is read: shown by fetch, verify and restore as a back-up shows itself.

import { pipeline, type Readable, Transform } from 'node:stream';
import { archiveSuffix } from '../../lib/archive/names.ts';
import type { ProgressWords } from '../../lib/backup/progress.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { tell } from './print.ts';
import { type ProgressDisplay, showProgress } from './progress.ts';

const waiting = 'waiting for the first byte of the archive';

export const fetchWords: ProgressWords = { waiting, done: 'fetched', ended: 'the last of it is written' };
export const verifyWords: ProgressWords = { waiting, done: 'read', ended: 'judging it' };
export const importWords: ProgressWords = {
  waiting: 'judging the dump',
  done: 'stored',
  ended: 'storing the last of it',
};
export const restoreWords: ProgressWords = { waiting, done: 'read', ended: 'making indexes and keys' };

/** Bytes on their way, with a display that counts them. */
export type Meter = {
  store(store: ArchiveStore): ArchiveStore;
  bytes(body: Readable, expected?: number): Readable;
  say(sentence: string): void;
};

/**
 * Shows how far an archive is read for as long as something works on it.
 *
 * @param work - Reads through the meter.
 */
export async function whileReading<T>(
  { name, words, quiet = false }: { name: string; words: ProgressWords; quiet?: boolean | undefined },
  work: (meter: Meter) => Promise<T>,
): Promise<T> {
  if (quiet) {
    const say = (sentence: string) => tell(`offsite: ${sentence}`);
    return work({ store: (store) => store, bytes: (body) => body, say });
  }
  const progress = showProgress(name, words);
  try {
    return await work({
      store: (store) => metered(store, progress),
      bytes: (body, expected) => counted(body, progress, 0, expected),
      say: progress.interject,
    });
  } finally {
    progress.clear();
  }
}

function metered(store: ArchiveStore, progress: ProgressDisplay): ArchiveStore {
  return {
    ...store,
    async open(key, versionId, reading) {
      const opened = await store.open(key, versionId, reading);
      if (opened === undefined || !key.endsWith(archiveSuffix)) return opened;
      return { ...opened, body: counted(opened.body, progress, reading?.from ?? 0, opened.bytes) };
    },
    // Reading goes on where a connection broke off.
    async openRange(key, range) {
      const body = await store.openRange(key, range);
      return body && counted(body, progress, range.from);
    },
  };
}

function counted(body: Readable, progress: ProgressDisplay, from: number, expected?: number): Readable {
  if (expected !== undefined) progress.expect(expected);
  let bytes = from;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      progress.update(bytes);
      done(null, chunk);
    },
    flush(done) {
      progress.dumpEnded();
      done();
    },
  });
  // Whoever reads the counter is told of its failure.
  return pipeline(body, counter, () => undefined);
}
