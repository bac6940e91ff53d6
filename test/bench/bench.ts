// npm run bench: every speed and size that this project promises, measured in one run.

import { writeFile } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { optionsOf, script, wholeNumber } from '../../lib/base/script.ts';
import { isMet, patience, type Row, table } from './contest.ts';
import { contests, machine, onDemand } from './contests.ts';
import { prepare } from './setting.ts';

type Flags = {
  torrents: number;
  runs: number;
  only?: string[];
  realS3: boolean;
  server: boolean;
  patience: number;
  json?: string;
};

const all = { ...contests, ...onDemand };
const names = Object.keys(all).join(', ');
const command = script(
  'npm run bench',
  'Measures every speed and size that is promised, contestants in turn.',
)
  .option('--torrents <n>', 'size of the corpus; 300000 are 1 GB of plain dump', wholeNumber(1), 300_000)
  .option('--runs <n>', 'of each contestant; the median counts', wholeNumber(1), 5)
  .option('--only <a,b>', `of ${names}; real-s3, drills and pitr only when named`, contestNames)
  .option('--real-s3', 'also against ../shared/real-s3 (a Ceph)', false)
  .option('--server', 'dump what PG* of the environment describe, instead of loading a corpus', false)
  .option(
    '--patience <s>',
    'how many seconds each run may wait until the machine is quiet',
    wholeNumber(0),
    0,
  )
  .option('--json <file>', 'write rows and machine there');
const flags = optionsOf<Flags>(command);
const wanted = flags.only ?? [...Object.keys(contests), ...(flags.realS3 ? ['real-s3'] : [])];

patience.seconds = flags.patience;
// What is not about a database needs none.
const withoutDatabase = wanted.every((name) => ['start', 'packages', 'scale', 'pitr'].includes(name));
const setting = await prepare(flags.torrents, flags.server || withoutDatabase);
// A Ctrl-C ends what it runs; what was started for it must end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void setting.stop().finally(() => process.exit(1)));
}
const rows: Row[] = [];
try {
  for (const name of wanted) {
    process.stderr.write(`${name}\n`);
    rows.push(...((await all[name]?.(setting, flags.runs)) ?? []));
  }
} finally {
  await setting.stop();
}
process.stdout.write(`\n${table(rows)}\n`);
const missed = rows.filter((row) => isMet(row) === false).length;
process.stdout.write(`${rows.filter(isMet).length} targets met, ${missed} missed\n`);
if (rows.some((row) => row.isPromise && isMet(row) === false)) process.exitCode = 1;
if (flags.json !== undefined) {
  const result = { at: new Date().toISOString(), machine: await machine(), ...flags, rows };
  await writeFile(flags.json, `${JSON.stringify(result, null, 1)}\n`);
}

function contestNames(text: string): string[] {
  const list = text.split(',');
  const unknown = list.find((name) => !(name in all));
  if (unknown === undefined) return list;
  throw new InvalidArgumentError(`There is no contest ${unknown}.`);
}
