import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Inventory, rowsOf, totalRows } from '../../lib/archive/inventory.ts';
import { isArchiveId, parseArchiveId } from '../../lib/archive/names.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import { countedTable, type Deviation, judge, type VerdictName } from '../../lib/archive/verdict.ts';
import { exitCodes, OffsiteError } from '../../lib/base/errors.ts';
import { bytesOfFile } from '../../lib/base/named-file.ts';
import { formatBytes, formatCount, plural } from '../../lib/base/quantities.ts';
import { folderKind, manifestFor } from '../../lib/restore/dump-file.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { observe, observeGzip } from '../../lib/verify/observe.ts';
import { verify } from '../../lib/verify/verify.ts';
import { usage } from './flags.ts';
import { deviationLines, print, printJson, tell } from './print.ts';
import { verifyWords, whileReading } from './reading-progress.ts';
import { openStoreToRead } from './reading-store.ts';

type Flags = { gzipOnly?: boolean; manifest?: string; json?: boolean; quiet?: boolean };

/** What is printed; of an archive, the verdict as the cloud would write it. */
type Outcome = {
  readonly name: string;
  readonly verdict: VerdictName;
  readonly compressedBytes: number;
  readonly plainBytes: number;
  readonly deviations?: readonly Deviation[] | undefined;
  readonly inventory?: Inventory | undefined;
};

export async function runVerify(
  settings: () => Promise<Settings>,
  target: string,
  flags: Flags,
): Promise<void> {
  const isFile = target !== 'latest' && !isArchiveId(target);
  if (flags.gzipOnly && flags.manifest !== undefined) {
    throw usage('--gzip-only or --manifest', 'both: whole gzip is told from the bytes alone');
  }
  if (!isFile && (flags.gzipOnly || flags.manifest)) {
    throw new OffsiteError('USAGE', '--gzip-only and --manifest are for files', {
      expected: 'a FILE',
      found: target,
      hint: 'fetch the archive first: offsite fetch ID -o FILE',
    });
  }
  if (isFile) await assertFile(target);
  const outcome = isFile
    ? await verifyFile(target, flags)
    : await verifyArchive(await settings(), target, flags.quiet);
  if (flags.json) printJson('verify', outcome);
  else print(describe(outcome));
  if (outcome.verdict !== 'intact') process.exitCode = exitCodes.notIntact;
}

async function verifyArchive(
  settings: Settings,
  wanted: string,
  quiet: boolean | undefined,
): Promise<Outcome> {
  const { store, said, connections } = await openStoreToRead(settings);
  // Whether the newest is intact is the question here: so not only the newest that was found intact before.
  const id =
    wanted === 'latest'
      ? (await selectArchive(store, settings.source, wanted, true)).id
      : parseArchiveId(wanted);
  const verdict = await whileReading({ name: id.id, words: verifyWords, quiet }, (meter) => {
    said.by = meter.say;
    return verify({ store: meter.store(store), id, connections, now: () => new Date() });
  });
  return { name: id.id, ...verdict };
}

async function verifyFile(file: string, flags: Flags): Promise<Outcome> {
  if (flags.gzipOnly) {
    const { compressedBytes, plainBytes, error } = await reading(file, flags, (open) => observeGzip(open()));
    const deviations =
      error === undefined
        ? undefined
        : [{ what: 'gzip', expected: 'whole gzip members up to the last byte', found: error }];
    return {
      name: file,
      verdict: deviations ? 'damaged' : 'intact',
      compressedBytes,
      plainBytes,
      deviations,
    };
  }
  if (flags.manifest !== undefined) await assertFile(flags.manifest);
  const manifest = await manifestFor(isStdin(file) ? undefined : file, flags.manifest);
  if (manifest === undefined) {
    const where = isStdin(file) ? 'of what comes from stdin (--manifest FILE)' : 'beside the file';
    tell(`offsite: no manifest ${where}: judged by gzip and content alone`);
  }
  // What comes from stdin cannot be read a second time.
  const expected = manifest && isStdin(file) ? { plainBytes: manifest.plainBytes } : manifest;
  const found = await reading(file, flags, (open) => observe(open, expected));
  const judgement = judge(manifest, found);
  return {
    name: file,
    verdict: judgement.verdict,
    compressedBytes: found.compressedBytes,
    plainBytes: found.plainBytes,
    deviations: 'deviations' in judgement ? judgement.deviations : undefined,
    inventory: judgement.verdict === 'damaged' ? undefined : found.inventory,
  };
}

/** Reads a file, or whatever writes to us, and shows how far. */
async function reading<T>(
  file: string,
  { quiet }: Flags,
  read: (open: () => Readable) => Promise<T>,
): Promise<T> {
  const expected = isStdin(file) ? 0 : (await stat(file)).size;
  return whileReading({ name: file, words: verifyWords, quiet }, (meter) =>
    read(() => meter.bytes(isStdin(file) ? process.stdin : bytesOfFile(file), expected || undefined)),
  );
}

function isStdin(file: string): boolean {
  return ['-', '/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'].includes(file);
}

async function assertFile(path: string): Promise<void> {
  if (isStdin(path)) return;
  const found = await stat(path).then(
    (stats) => {
      if (stats.isFile() || stats.isFIFO()) return undefined;
      return stats.isDirectory() ? folderKind(path).found : 'something else than a file or a pipe';
    },
    (error: Error) => error.message,
  );
  if (found === undefined) return;
  throw new OffsiteError('USAGE', `${path} cannot be read`, {
    expected: "an archive's id, 'latest', a file, or '-' for stdin",
    found,
    hint:
      path === 'new'
        ? "'offsite verify new --record' judges all that has no verdict, and records it"
        : "see 'offsite list' for the ids there are",
  });
}

function describe({ name, verdict, compressedBytes, plainBytes, deviations, inventory }: Outcome): string {
  const lines = [
    `${name}: ${verdict}`,
    ...deviationLines(deviations ?? []),
    `  ${formatBytes(compressedBytes)} compressed, ${formatBytes(plainBytes)} plain`,
  ];
  if (inventory !== undefined) {
    const { tables, indexes, constraints, largeObjects, serverVersion } = inventory;
    const torrents = rowsOf(inventory, countedTable);
    lines.push(
      `  ${plural(totalRows(inventory), 'row')} in ${plural(tables.length, 'table')}, ${countedTable}: ${torrents === undefined ? 'no such table' : formatCount(torrents)}`,
      `  ${plural(indexes.length, 'index', 'indexes')} besides those of keys, ${plural(constraints.length, 'constraint')}, ${plural(largeObjects, 'large object')}`,
      `  PostgreSQL ${serverVersion ?? 'of an unknown version'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
