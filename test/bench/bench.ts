// npm run bench: every speed and size that this project promises, measured in one run.
//
//   --torrents N    size of the corpus (default 300000, about 1 GB of plain dump)
//   --runs N        of each contestant (default 5; the median counts)
//   --only a,b      start, bundles, backup, memory, verify, restore, fetch, scale, real-s3, drills
//   --real-s3       also against ../shared/real-s3 (a Ceph)
//   --server        dumps what PG* of the environment describe, instead of loading a corpus
//   --patience S    how long each run may wait until the machine is quiet (default 0)
//   --json FILE     writes rows and machine

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { isMet, patience, type Row, table } from './contest.ts';
import { contests, machine, onDemand } from './contests.ts';
import { prepare } from './setting.ts';

const { values } = parseArgs({
  options: {
    torrents: { type: 'string', default: '300000' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string' },
    'real-s3': { type: 'boolean', default: false },
    server: { type: 'boolean', default: false },
    patience: { type: 'string', default: '0' },
    json: { type: 'string' },
  },
});

const all = { ...contests, ...onDemand };
const wanted = values.only?.split(',') ?? [
  ...Object.keys(contests),
  ...(values['real-s3'] ? ['real-s3'] : []),
];
const unknown = wanted.find((name) => !(name in all));
if (unknown !== undefined) throw new Error(`no contest ${unknown}; there are ${Object.keys(all).join(', ')}`);

patience.seconds = Number(values.patience);
// What is not about a database needs none.
const withoutDatabase = wanted.every((name) => name === 'scale');
const setting = await prepare(Number(values.torrents), values.server || withoutDatabase);
// A Ctrl-C ends what it runs; what was started for it must end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void setting.stop().finally(() => process.exit(1)));
}
const rows: Row[] = [];
try {
  for (const name of wanted) {
    process.stderr.write(`${name}\n`);
    rows.push(...((await all[name]?.(setting, Number(values.runs))) ?? []));
  }
} finally {
  await setting.stop();
}
process.stdout.write(`\n${table(rows)}\n`);
const missed = rows.filter((row) => isMet(row) === false).length;
process.stdout.write(`${rows.filter(isMet).length} targets met, ${missed} missed\n`);
if (rows.some((row) => row.isPromise && isMet(row) === false)) process.exitCode = 1;
if (values.json !== undefined) {
  const result = { at: new Date().toISOString(), machine: await machine(), ...values, rows };
  await writeFile(values.json, `${JSON.stringify(result, null, 1)}\n`);
}
