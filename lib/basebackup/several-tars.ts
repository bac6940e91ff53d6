// A cluster with tablespaces. pg_basebackup has a tar of each and gives only one on stdout, so it writes into named pipes, one after the other,
// and what is read there becomes one tar. Nothing is on a disk but the server's list of files.

import { giveBack } from '../base/read-blocks.ts';
import { shellWord } from '../base/shell-word.ts';
import { MovedTar, tarEnd, tarFile } from './join-tars.ts';
import { serverManifestName, tablespaceFolder } from './server-manifest.ts';

type ShellOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly onWords?: ((words: string) => void) | undefined;
};

/** Runs a line of sh where the server's programs are. @returns Its stdout, which ends only if it ended well. */
export type RunShell = (script: string, options: ShellOptions) => AsyncGenerator<Buffer>;

/**
 * Takes a base backup of a cluster with tablespaces.
 *
 * @param args - Of pg_basebackup, but for where it writes; the shell's own come after them.
 * @returns One tar, as pg_basebackup gives it of a cluster without.
 * @throws While iterating, what the shell throws.
 */
export async function* tarOfSeveral(
  shell: RunShell,
  oids: readonly number[],
  args: readonly string[],
  { signal, onWords }: ShellOptions,
): AsyncGenerator<Buffer> {
  const tars = [...oids.map((oid) => ({ file: `${oid}.tar`, folder: tablespaceFolder(oid) })), dataDirectory];
  const pipes = tars.map(({ file }) => `tars/${file}`).join(' ');
  const made = await all(shell(`cd "$(mktemp -d)" && mkdir tars && mkfifo ${pipes} && pwd`, { signal }));
  const place = shellWord(made.toString().trimEnd());
  const ending = new AbortController();
  const either = { signal: AbortSignal.any([ending.signal, ...(signal ? [signal] : [])]) };
  const read = (file: string) => shell(`exec cat ${place}/tars/${file}`, either);
  const readers = tars.map(({ file, folder }) => ({ chunks: read(file), tar: new MovedTar(folder) }));
  const taking = all(shell(taker(place, args), { ...either, onWords }))
    // A tablespace that was dropped meanwhile has no tar: nobody writes into its pipe.
    .then(() => all(shell(`cd ${place} && ${openPipes}`, either)));
  taking.catch((error) => ending.abort(error));
  try {
    yield* inTurn(readers);
    await taking;
    yield tarFile(serverManifestName, await all(read(serverManifestName)));
    yield Buffer.from(tarEnd);
  } finally {
    ending.abort();
    await Promise.allSettled([taking, ...readers.map(({ chunks }) => chunks.return(undefined))]);
    // Inside a container no signal of ours has reached anybody.
    const end = `cd ${place} && { kill "$(cat pid)" 2>/dev/null; ${openPipes} cd /; rm -rf ${place}; }`;
    await all(shell(end, {})).catch(() => undefined);
  }
}

const dataDirectory = { file: 'base.tar', folder: '' };

/** Who waits for somebody at the other end goes on. */
const openPipes = 'for pipe in tars/*.tar; do : <>"$pipe"; done;';

/**
 * pg_basebackup writes into no folder that holds anything. It does into one that it had to make, and `new/../tars` is none before there
 * is `new`.
 */
function taker(place: string, args: readonly string[]): string {
  const own = ['exec', 'pg_basebackup', `--pgdata=${place}/new/../tars`, '--no-clean', '--no-sync'];
  return `echo $$ >${place}/pid && ${[...own, ...args].join(' ')} "$@"`;
}

/** One after the other, in the order in which they begin to come. */
async function* inTurn(
  tars: readonly { readonly chunks: AsyncGenerator<Buffer>; readonly tar: MovedTar }[],
): AsyncGenerator<Buffer> {
  const begun = tars.map(({ chunks, tar }) => ({ chunks, tar, first: chunks.next() }));
  for (const { first } of begun) first.catch(() => undefined);
  const waiting = new Set(begun);
  while (waiting.size > 0) {
    const one = await Promise.race([...waiting].map((each) => each.first.then(() => each)));
    waiting.delete(one);
    const { chunks, tar, first } = one;
    let next = await first;
    if (next.done) continue;
    for (; !next.done; next = await chunks.next()) {
      yield tar.push(next.value);
      giveBack(next.value);
    }
    tar.finish();
  }
}

async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}
