// Lets a server of the cluster's own version replay the log. Nobody is let in meanwhile, its settings are its own, and not those that
// came with the base backup, and what it did is read from its log: no role has to be known for that.

import { chown, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { OffsiteError } from '../base/errors.ts';
import { shellWord } from '../base/shell-word.ts';
import { ownFiles, readyIn, settingArgs } from '../postgres/server.ts';
import type { User } from '../postgres/unprivileged-user.ts';

export type ReplayOptions = {
  /** The data directory, laid out and marked for recovery. */
  readonly folder: string;
  /** Where the server's programs are. */
  readonly binDir: string;
  readonly owner: User | undefined;
  /** `restore_command`, and which point. */
  readonly settings: Readonly<Record<string, string>>;
  /** Its environment: the restore_command's, too. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
};

export type Reached = {
  /** Of the last record that was replayed. */
  readonly lsn: string | undefined;
  /** When the last transaction ended that was replayed; `undefined` if there was none after the base backup. */
  readonly lastTransactionAt: string | undefined;
  /** When the transaction ended at which it stopped: with a time as the target. */
  readonly stoppedBefore: string | undefined;
  /** Whether it stopped at a transaction that was rolled back. */
  readonly isRolledBack: boolean;
  /** How many prepared transactions were neither committed nor rolled back by then. */
  readonly inDoubt: number;
  /** On which the cluster goes on. */
  readonly timeline: number | undefined;
  /** The last of the log that was asked for and there. */
  readonly lastSegment: string | undefined;
  /** What it says of the bytes that it could not read as log; `undefined` where none were behind the last record. */
  readonly unreadable: string | undefined;
};

const pollMs = 50;
const tailLines = 12;

/**
 * Replays, and ends the server when it has.
 *
 * @throws {@link OffsiteError} `RECOVERY_FAILED` with the server's last words; the signal's reason. The server has ended then, and the folder is
 *   as it was left by it.
 */
export async function replay(options: ReplayOptions): Promise<Reached> {
  const { folder, signal, owner } = options;
  const own = await mkdtemp(join(tmpdir(), 'offsite-recovery-'));
  const files = await ownFiles(own, 'local all all reject', owner);
  if (owner !== undefined) await chown(own, owner.uid, owner.gid);
  const putBack = await withoutAltered(folder);
  const server = startServer(options, { ...files, unix_socket_directories: own });
  let hasEnded = false;
  const ended = server.child.finally(() => {
    hasEnded = true;
  });
  const stop = () => server.child.kill('SIGINT');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted) stop();
    while (!hasEnded && (await readyIn(folder)) === undefined) await sleep(pollMs);
    const failed = hasEnded;
    // Fast: with a checkpoint, so that it is whole on the disk.
    if (!failed) stop();
    const { exitCode } = await ended;
    signal?.throwIfAborted();
    if (failed || exitCode !== 0) throw recoveryError(server.words(), options);
    return server.reached;
  } finally {
    signal?.removeEventListener('abort', stop);
    server.child.kill('SIGINT');
    await ended;
    await putBack();
    await rm(own, { recursive: true, force: true });
  }
}

/** What came with the base backup is of a host that is gone, perhaps: none of its settings is read, so that what is not here is the default. */
const ownSettings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  log_min_messages: 'log',
  log_line_prefix: '',
  log_timezone: 'UTC',
  huge_pages: 'off',
  autovacuum: 'off',
  // Nobody asks it anything before it has recovered, so that no setting of the cluster's need be known.
  hot_standby: 'off',
  max_prepared_transactions: '1000',
  // A server that ends its recovery without it drops what times are there.
  track_commit_timestamp: 'on',
  // The new timeline is archived once the server runs as usual: it is noted as due, and nothing is run now.
  archive_mode: 'on',
  // Subscriptions came along: nothing is asked of their publishers, who know one subscriber.
  max_logical_replication_workers: '0',
};

/** Of ALTER SYSTEM, which no flag keeps from being read: it lies aside meanwhile. @returns What puts it back. */
async function withoutAltered(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'postgresql.auto.conf');
  const aside = `${path}.offsite`;
  const wasThere = await rename(path, aside).then(
    () => true,
    () => false,
  );
  return async () => {
    if (wasThere) await rename(aside, path);
  };
}

function startServer({ folder, binDir, owner, settings, env }: ReplayOptions, paths: Record<string, string>) {
  const args = settingArgs({ ...ownSettings, ...paths, ...settings });
  const child = execa(join(binDir, 'postgres'), ['-D', folder, ...args], {
    ...owner,
    cwd: folder,
    env: { ...env, LC_ALL: 'C' },
    extendEnv: false,
    stdin: 'ignore',
    stdout: 'ignore',
    buffer: false,
    reject: false,
    killSignal: 'SIGINT',
    forceKillAfterDelay: false,
  });
  const tail: string[] = [];
  const reached: { -readonly [Key in keyof Reached]: Reached[Key] } = {
    lsn: undefined,
    lastTransactionAt: undefined,
    stoppedBefore: undefined,
    isRolledBack: false,
    inDoubt: 0,
    timeline: undefined,
    lastSegment: undefined,
    unreadable: undefined,
  };
  const read = (line: string) => {
    tail.push(line);
    tail.splice(0, tail.length - tailLines);
    const [, segment] = /restored log file "([0-9A-F]{24})" from archive/.exec(line) ?? [];
    reached.lastSegment = segment ?? reached.lastSegment;
    reached.lsn = /redo done at ([0-9A-F]+\/[0-9A-F]+)/.exec(line)?.[1] ?? reached.lsn;
    reached.lastTransactionAt =
      /last completed transaction was at log time (.+)/.exec(line)?.[1] ?? reached.lastTransactionAt;
    reached.unreadable = unreadableLog.exec(line)?.[1] ?? reached.unreadable;
    reached.stoppedBefore =
      /recovery stopping before (?:commit|abort) .*, time (.+)/.exec(line)?.[1] ?? reached.stoppedBefore;
    reached.isRolledBack ||= /recovery stopping after abort of /.test(line);
    if (/recovering prepared transaction \d+ from/.test(line)) reached.inDoubt += 1;
    const timeline = /selected new timeline ID: (\d+)/.exec(line)?.[1];
    if (timeline !== undefined) reached.timeline = Number(timeline);
  };
  void (async () => {
    for await (const line of child.iterable({ from: 'stderr' })) read(line);
  })().catch(() => undefined);
  return { child, reached: reached as Reached, words: () => tail };
}

/** Of the words of xlogreader.c, all but those of zeros, with which a log ends. */
const unreadableLog =
  /^LOG: +((?:record with |incorrect resource |invalid (?:record|magic|info|resource|contrecord|block)|unexpected pageaddr |there is no contrecord |out-of-).*(?<!, got 0))$/;

function recoveryError(words: readonly string[], { folder, settings }: ReplayOptions): OffsiteError {
  const said = words.filter((line) =>
    /FATAL|PANIC|ERROR|HINT|DETAIL|offsite|expected|found {2}|hint {2}/.test(line),
  );
  const isShort = words.some((line) => /before configured recovery target was reached/.test(line));
  const part =
    settings.recovery_target_xid === undefined
      ? ''
      : '; a part of a transaction, of a savepoint or a block with EXCEPTION, has no end of its own: name the whole';
  const elsewhere = `; an older base backup may lead to it (offsite restore <id>), or --to-latest to the end of the log${part}`;
  return new OffsiteError(
    'RECOVERY_FAILED',
    isShort ? 'the log ended before the point was reached' : 'the server did not come to the point',
    {
      expected: 'the log to be replayed up to the point that is wanted',
      found: (said.length > 0 ? said : words).join('\n').trim(),
      hint: `nothing else was touched; before another attempt: rm -r ${shellWord(folder)}${isShort ? elsewhere : ''}`,
    },
  );
}
