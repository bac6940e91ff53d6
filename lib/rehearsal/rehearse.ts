// npm run rehearse: the deployed system on this machine, from the first back-up to the restored database. Needs no AWS
// account, installs nothing, and leaves nothing running.

import { open, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { execa } from 'execa';
import { describeError, exitCodeOf, exitCodes, OffsiteError } from '../base/errors.ts';
import { formatCount } from '../base/quantities.ts';
import { hostileRows } from './chapters/opening.ts';
import { howToLook } from './how-to-look.ts';
import { perform } from './performance.ts';
import { createNarrator } from './stage/narrator.ts';
import { containerArguments, providePostgres } from './stage/postgres-programs.ts';
import { type Cloud, openStage } from './stage/stage.ts';

type Flags = { torrents: number; json?: string; keep?: boolean; yes?: boolean };

/** The dump of fewer is over before it can be killed half-way. */
const fewestTorrents = 1000;

const coloured = process.stdout.isTTY && !process.env.NO_COLOR;
let muted = false;
const narrator = createNarrator((text) => {
  if (!muted) process.stdout.write(text);
}, coloured);

// Whoever reads may leave (`| head`): the story is played to its end all the same, and everything is closed.
process.stdout.on('error', () => {
  muted = true;
});

const program = new Command('npm run rehearse --')
  .description('The deployed system on this machine: back up, verify, expire, restore, and what goes wrong.')
  .option('--torrents <n>', 'how many torrents the made-up database holds', wholeNumber, 20_000)
  .option('--json <file>', 'write the figures of every step there')
  .option('--keep', 'leave everything running at the end, and say how to look, until Ctrl-C')
  .option('--yes', 'download a PostgreSQL without asking, where there is none')
  .exitOverride()
  .configureOutput({ outputError: () => undefined });

try {
  const flags = program.parse().opts<Flags>();
  process.exitCode = await main(flags);
} catch (error) {
  process.exitCode = printError(error);
}

async function main(flags: Flags): Promise<number> {
  if (flags.json !== undefined) await assertWritable(flags.json);
  const stopAsked = untilSignal();
  const stop = new AbortController();
  stopAsked.then((signal) => stop.abort(interruption(signal)));
  const postgres = await providePostgres(
    (downloads) => agrees(downloads, flags.yes ?? false),
    undefined,
    stop.signal,
  );
  if (postgres.from === 'docker') return runInContainer(postgres.image, flags);
  process.env.PATH = [postgres.binDir, process.env.PATH].join(delimiter);
  narrator.title('bitagent-offsite: a rehearsal', [
    `${formatCount(flags.torrents + hostileRows)} torrents; PostgreSQL from ${postgres.binDir}; S3, SNS and SQS by ` +
      'fauxqs; ECS by a stand-in of our own. Everything listens on loopback only and is gone afterwards.',
  ]);
  const stage = await openStage(postgres.binDir);
  const performing = perform(narrator, stage, flags.torrents);
  try {
    const { figures, database, cloud } = await Promise.race([performing, interrupted(stop.signal)]);
    if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(figures, null, 1)}\n`);
    if (flags.keep && database !== undefined && cloud !== undefined) {
      narrator.say('');
      narrator.title('Everything runs on, until Ctrl-C. To look at it:', []);
      narrator.quote(await howToLook(stage, database));
      await deliverUntil(stopAsked, cloud);
    }
    return figures.asExpected ? 0 : exitCodes.unexpected;
  } finally {
    await stage.close(performing);
  }
}

/** Goes on telling the handlers of new objects: a back-up that the reader takes is verified as the others were. */
async function deliverUntil(stopAsked: Promise<unknown>, { bus }: Cloud): Promise<void> {
  let stopped = false;
  stopAsked.then(() => {
    stopped = true;
  });
  while (!stopped) {
    await bus.announceObjects();
    await Promise.race([sleep(1000), stopAsked]);
  }
}

/** A person is asked; without one it is said aloud, for nothing but a folder that may be deleted comes of it. */
async function agrees(downloads: string, yes: boolean): Promise<boolean> {
  narrator.say(`There is no PostgreSQL here. To be downloaded: ${downloads}.`);
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const asking = createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((resolve) => {
    asking.on('SIGINT', () => process.exit(128 + constants.signals.SIGINT));
    asking.on('close', () => resolve(false));
    asking.question('Go on? [Y/n] ', (answer) => {
      resolve(/^(y|yes)?$/i.test(answer.trim()));
      asking.close();
    });
  });
}

/** A minute of figures must not be lost to a mistyped path. */
async function assertWritable(file: string): Promise<void> {
  try {
    await (await open(file, 'a')).close();
  } catch (error) {
    throw new OffsiteError('USAGE', `${file} cannot be written`, {
      expected: 'a file that may be made or replaced',
      found: (error as Error).message,
      hint: 'name another with --json FILE',
    });
  }
}

/**
 * Waits for Ctrl-C or a SIGTERM. The first does not end this process: everything has to be closed first. The second does.
 *
 * @remarks Not `once`: execa's own listener ends the process when it finds that it is the last.
 */
function untilSignal(): Promise<'SIGINT' | 'SIGTERM'> {
  let asked = false;
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + constants.signals[signal]);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Rejects when the story is to end. What breaks from then on breaks because we close it. */
function interrupted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => {
      muted = true;
      reject(signal.reason);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

function interruption(signal: 'SIGINT' | 'SIGTERM'): OffsiteError {
  return new OffsiteError('INTERRUPTED', `interrupted by ${signal}`, {
    expected: 'to play the story to its end',
    found: signal,
    hint: 'everything was stopped and removed; run again',
    exitCode: 128 + constants.signals[signal],
  });
}

/** In the container there is a Postgres, so that there the story is played. */
async function runInContainer(image: string, { torrents, json, keep }: Flags): Promise<number> {
  narrator.say(`There is no PostgreSQL here: the rehearsal runs in a container of ${image}.`);
  const args = ['--torrents', String(torrents), ...(keep ? ['--keep'] : [])];
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const docker = execa('docker', containerArguments(image, args, json, terminal), {
    stdio: 'inherit',
    reject: false,
  });
  // Ctrl-C reaches docker by itself, which hands it on to the container; we wait for its end.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => docker.kill('SIGTERM'));
  return (await docker).exitCode ?? exitCodes.unexpected;
}

function wholeNumber(text: string): number {
  const number = Number(text.replaceAll(/[_,](?=\d{3})/g, ''));
  if (Number.isSafeInteger(number) && number >= fewestTorrents) return number;
  throw new InvalidArgumentError(`It must be a whole number, at least ${formatCount(fewestTorrents)}.`);
}

function printError(error: unknown): number {
  if (!(error instanceof CommanderError)) {
    process.stderr.write(`${describeError(error)}\n`);
    return exitCodeOf(error);
  }
  // Help was printed on purpose.
  if (error.exitCode === 0) return 0;
  const found = error.message.replace(/^error: /, '');
  return printError(
    new OffsiteError('USAGE', 'these arguments cannot be used', {
      expected: '--torrents N, --json FILE, --keep, --yes or --help',
      found,
      hint: 'npm run rehearse -- --help',
    }),
  );
}
