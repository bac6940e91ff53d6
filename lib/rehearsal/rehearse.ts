// npm run rehearse: the deployed system on this machine, from the first back-up to the restored database. Needs no AWS
// account, installs nothing, and leaves nothing running.

import { open, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { delimiter } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodes, OffsiteError } from '../base/errors.ts';
import { jsonText } from '../base/parse-json.ts';
import { formatCount } from '../base/quantities.ts';
import { agrees, failed, optionsOf, script, untilSignal, wholeNumber } from '../base/script.ts';
import { createNarrator } from './stage/narrator.ts';
import type { Cloud } from './stage/stage.ts';

type Flags = { cloud: boolean; torrents: number; json?: string; keep?: boolean; yes?: boolean };

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

const command = script(
  'npm run rehearse',
  'The deployed system on this machine: back up, verify, expire, restore, and what goes wrong.',
)
  .option(
    '--torrents <n>',
    'how many torrents the made-up database holds',
    wholeNumber(fewestTorrents),
    20_000,
  )
  .option('--no-cloud', "no AWS: 'offsite guard' keeps the promise, on a machine of its own")
  .option('--json <file>', 'write the figures of every step there')
  .option('--keep', 'leave everything running at the end, and say how to look, until Ctrl-C')
  .option('--yes', 'download a PostgreSQL without asking, where there is none');
process.exitCode = await main(optionsOf<Flags>(command)).catch(failed);

async function main(flags: Flags): Promise<number> {
  if (flags.json !== undefined) await assertWritable(flags.json);
  const stopAsked = untilSignal();
  const stop = new AbortController();
  stopAsked.then((signal) => stop.abort(interruption(signal)));
  // Late: they take most of the start, and --help and a mistyped option do without them.
  const { providePostgres } = await import('./stage/postgres-programs.ts');
  const { hostileRows } = await import('./chapters/opening.ts');
  const { openStage } = await import('./stage/stage.ts');
  const { perform } = await import('./performance.ts');
  const binDir = await providePostgres(
    (downloads) => mayDownload(downloads, flags.yes),
    undefined,
    stop.signal,
  );
  process.env.PATH = [binDir, process.env.PATH].join(delimiter);
  narrator.title('bitagent-offsite: a rehearsal', [
    `${formatCount(flags.torrents + hostileRows)} torrents; PostgreSQL from ${binDir}; ` +
      (flags.cloud ? 'S3, SNS and SQS by fauxqs; ECS by a stand-in of our own. ' : 'S3 by fauxqs. ') +
      'Everything listens on loopback only and is gone afterwards.',
  ]);
  const stage = await openStage(binDir);
  const performing = perform(narrator, stage, flags.torrents, flags.cloud);
  try {
    // What breaks after that breaks because we close it.
    const interrupted = stopAsked.then(() => {
      muted = true;
      throw stop.signal.reason;
    });
    const { figures, database, cloud } = await Promise.race([performing, interrupted]);
    if (flags.json !== undefined) await writeFile(flags.json, jsonText(figures));
    if (flags.keep && database !== undefined && (cloud !== undefined || !flags.cloud)) {
      narrator.say('');
      narrator.title('Everything runs on, until Ctrl-C. To look at it:', []);
      const { howToLook } = await import('./how-to-look.ts');
      narrator.quote(await howToLook(stage, database, cloud !== undefined));
      await (cloud === undefined ? stopAsked : deliverUntil(stopAsked, cloud));
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

/** Without a person it is said aloud, for nothing but a folder that may be deleted comes of it. */
function mayDownload(downloads: string, yes = false): Promise<boolean> {
  narrator.say(`There is no PostgreSQL here. To be downloaded: ${downloads}.`);
  return yes ? Promise.resolve(true) : agrees();
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

function interruption(signal: 'SIGINT' | 'SIGTERM'): OffsiteError {
  return new OffsiteError('INTERRUPTED', `interrupted by ${signal}`, {
    expected: 'to play the story to its end',
    found: signal,
    hint: 'everything was stopped and removed; run again',
    exitCode: 128 + constants.signals[signal],
  });
}
