// The comparisons: what is run against what, and which target each figure has (issue 3).

import { execFile } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync, readdirSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { bundleHandler } from './bundle.ts';
import { type Contestant, contest, type Row, ratio, typical } from './contest.ts';
import { drillsContest } from './drills-contest.ts';
import { fetchContest } from './fetch-contest.ts';
import { type Measured, measure, median } from './measure.ts';
import { pitrContest } from './pitr-contest.ts';
import { restoreCommandContest } from './restore-command-contest.ts';
import { restoreContest } from './restore-contest.ts';
import { scale } from './scale.ts';
import { offsite, projectRoot, receivedBytes, type Setting } from './setting.ts';
import { keptBucket } from './sink.ts';

const run = promisify(execFile);

export type Contest = (setting: Setting, runs: number) => Promise<Row[]>;

const pipe = 'pg_dump | gzip | aws s3 cp -';
const dumpAlone = 'pg_dump > /dev/null';

function agent(name: string, setting: Setting, ...flags: string[]): Contestant {
  const argv = [offsite, 'backup', '--provider', 'aws', '--json', '--quiet', ...flags] as [
    string,
    ...string[],
  ];
  return { name, command: { argv, env: setting.env }, bytesOf: storedBytes };
}

function storedBytes({ stdout }: Measured): number {
  return (JSON.parse(stdout) as { compressedBytes: number }).compressedBytes;
}

async function backup(setting: Setting, runs: number): Promise<Row[]> {
  let before = await receivedBytes(setting.sink);
  const sinceBefore = async () => {
    const now = await receivedBytes(setting.sink);
    const bytes = now - before;
    before = now;
    return bytes;
  };
  const shell = (line: string) => ({ argv: ['sh', '-c', line] as [string, ...string[]], env: setting.env });
  const figures = await contest(
    [
      { name: dumpAlone, command: shell('exec pg_dump > /dev/null') },
      {
        name: pipe,
        command: shell('pg_dump | gzip | aws s3 cp - s3://sink/naive.sql.gz'),
        bytesOf: sinceBefore,
      },
      ...['igzip', 'pigz', 'node', 'small'].map((choice) => {
        const one = agent(choice, setting, '--compress', choice);
        return {
          ...one,
          bytesOf: async (measured: Measured) => {
            await sinceBefore();
            return storedBytes(measured);
          },
        };
      }),
    ],
    runs,
  );
  const faster = (name: string) => 1 / ratio(figures, name, pipe);
  const size = (name: string) => ratio(figures, name, pipe, 'bytes');
  const row = (what: string, value: number, unit: Row['unit'], target?: Row['target']): Row => ({
    contest: 'back up',
    what,
    value,
    unit,
    ...(target && { target }),
  });
  return [
    row(dumpAlone, typical(figures, dumpAlone), 's'),
    row(pipe, typical(figures, pipe), 's'),
    row('igzip ÷ pg_dump alone', ratio(figures, 'igzip', dumpAlone), '×', { atMost: 1.15 }),
    row('igzip, faster than the pipe', faster('igzip'), '×', { atLeast: 5 }),
    row('igzip, bytes ÷ the pipe', size('igzip'), '×', { atMost: 1.06 }),
    row('igzip, peak memory', typical(figures, 'igzip', 'peakMiB'), 'MiB', { atMost: 160 }),
    row('Node alone, faster than the pipe', faster('node'), '×', { atLeast: 2.8 }),
    row('Node alone, bytes ÷ the pipe', size('node'), '×', { atMost: 1.07 }),
    row('Node alone, peak memory', typical(figures, 'node', 'peakMiB'), 'MiB', { atMost: 160 }),
    row('--compress small, faster than the pipe', faster('small'), '×', { atLeast: 2 }),
    row('--compress small, bytes ÷ the pipe', size('small'), '×', { atMost: 0.98 }),
    row('pigz, faster than the pipe', faster('pigz'), '×'),
    row('pigz, bytes ÷ the pipe', size('pigz'), '×'),
  ];
}

/** A dump and one of the same shape that is ten times as long, both from files, so that only the agent is looked at. */
async function memory(setting: Setting, runs: number): Promise<Row[]> {
  const dumpFile = join(setting.folder, 'dump.sql');
  await measure({ argv: ['sh', '-c', `exec pg_dump > ${dumpFile}`], env: setting.env });
  const [head, tail] = [join(setting.folder, 'head.sql'), join(setting.folder, 'tail.sql')];
  await measure({
    argv: ['sh', '-c', `head -n 20 ${dumpFile} > ${head}; tail -n 100 ${dumpFile} > ${tail}`],
  });
  const times = (count: number) =>
    `cat ${head}; i=0; while [ $i -lt ${count} ]; do cat ${dumpFile}; i=$((i+1)); done; cat ${tail}`;
  const rows: Row[] = [];
  for (const choice of ['igzip', 'node']) {
    const names = { once: `${choice}, 1 ×`, tenTimes: `${choice}, 10 ×` };
    const figures = await contest(
      [
        agent(names.once, setting, '--compress', choice, '--', 'sh', '-c', times(1)),
        agent(names.tenTimes, setting, '--compress', choice, '--', 'sh', '-c', times(10)),
      ],
      Math.max(1, Math.floor(runs / 2)),
    );
    rows.push(
      {
        contest: 'memory',
        what: `${choice}, ten times the data`,
        value: typical(figures, names.tenTimes, 'peakMiB'),
        unit: 'MiB',
        target: { atMost: 160 },
      },
      {
        contest: 'memory',
        what: `${choice}, ten times the data ÷ once`,
        value: ratio(figures, names.tenTimes, names.once, 'peakMiB'),
        unit: '×',
        target: { atMost: 1.1, atLeast: 0.9 },
      },
    );
  }
  return rows;
}

/** Stores an archive in the sink's kept bucket and as a file with its manifest beside it. */
async function storeArchive(setting: Setting): Promise<{ id: string; file: string; plainBytes: number }> {
  const { stdout } = await measure({
    argv: [offsite, 'backup', '--json', '--quiet', '--bucket', keptBucket],
    env: setting.env,
  });
  const { id, plainBytes } = JSON.parse(stdout) as { id: string; plainBytes: number };
  const file = join(setting.folder, `${id}.sql.gz`);
  const key = `${setting.sink}/${keptBucket}/archives/bitagent/${id}`;
  const archive = await fetch(`${key}.sql.gz`);
  if (archive.body === null) throw new Error('the sink gave no archive');
  await pipeline(archive.body, createWriteStream(file));
  await writeFile(
    file.replace('.sql.gz', '.manifest.json'),
    await (await fetch(`${key}.manifest.json`)).text(),
  );
  // Into the page cache, for all contestants alike.
  for await (const _ of createReadStream(file));
  return { id, file, plainBytes };
}

async function restore(setting: Setting, runs: number): Promise<Row[]> {
  const stored = await storeArchive(setting);
  return [
    ...(await restoreContest(setting, runs, stored)),
    ...(await restoreCommandContest(setting, runs, stored.file)),
  ];
}

async function verify(setting: Setting, runs: number): Promise<Row[]> {
  const { id, file, plainBytes } = await storeArchive(setting);
  const bundle = await bundleHandler('verify', setting.folder);
  const event = {
    'detail-type': 'Object Created',
    detail: { bucket: { name: keptBucket }, object: { key: `archives/bitagent/${id}.manifest.json` } },
  };
  const handler = `const t = performance.now(); require(${JSON.stringify(bundle)}).handler(${JSON.stringify(event)}, {functionName: 'verify', awsRequestId: '1', invokedFunctionArn: 'arn:aws:lambda:us-east-1:1:function:v'}).then((r) => { if (r.verdict !== 'intact') { console.error(r); process.exit(1); } }, (e) => { console.error(e); process.exit(1); })`;
  const handlerEnv = {
    ...setting.env,
    OFFSITE_BUCKET: keptBucket,
    OFFSITE_TOPIC_ARN: 'arn:aws:sns:us-east-1:1:topic',
    AWS_LAMBDA_FUNCTION_NAME: 'verify',
    AWS_LAMBDA_LOG_LEVEL: 'ERROR',
    POWERTOOLS_METRICS_DISABLED: 'true',
  };
  // Each run writes a verdict, and another would find it and read nothing: the sink keeps verdicts, so they go.
  const forget = async () => {
    await fetch(`${setting.sink}/${keptBucket}/verdicts/bitagent/${id}.json`, { method: 'DELETE' });
    return 0;
  };
  const node = (affinity: string[]) =>
    [...affinity, process.execPath, '-e', handler] as unknown as [string, ...string[]];
  const names = { file: 'verify a file', s3: 'verify in S3', handler: 'handler', oneCore: 'handler, 1 core' };
  const figures = await contest(
    [
      { name: 'gunzip -t', command: { argv: ['gunzip', '-t', file] } },
      { name: names.file, command: { argv: [offsite, 'verify', file], env: setting.env } },
      {
        name: names.s3,
        command: { argv: [offsite, 'verify', id, '--bucket', keptBucket], env: setting.env },
      },
      { name: names.handler, command: { argv: node([]), env: handlerEnv }, bytesOf: forget },
      {
        name: names.oneCore,
        command: { argv: node(['taskset', '-c', '0']), env: handlerEnv },
        bytesOf: forget,
      },
    ],
    runs,
  );
  const faster = (name: string) => 1 / ratio(figures, name, 'gunzip -t');
  const row = (
    what: string,
    value: number,
    unit: Row['unit'],
    target?: Row['target'],
    note?: string,
  ): Row => ({
    contest: 'verify',
    what,
    value,
    unit,
    ...(target && { target }),
    ...(note && { note }),
  });
  const oneCoreRate = plainBytes / typical(figures, names.oneCore);
  return [
    row('gunzip -t', typical(figures, 'gunzip -t'), 's'),
    row('a file, faster than gunzip -t', faster(names.file), '×', { atLeast: 2.7 }),
    row('in S3, faster than gunzip -t', faster(names.s3), '×', { atLeast: 2.7 }),
    row('peak memory', typical(figures, names.s3, 'peakMiB'), 'MiB'),
    row('handler, peak memory', typical(figures, names.handler, 'peakMiB'), 'MiB', { atMost: 400 }),
    row('handler on one core', oneCoreRate / 1e6, 'MB/s'),
    row(
      'handler, plain bytes in 15 minutes',
      (oneCoreRate * 900) / 1e9,
      'GB',
      undefined,
      'one core; S3 brings less',
    ),
  ];
}

async function start(setting: Setting, runs: number): Promise<Row[]> {
  const aws = await behindShims(setting.env.PATH ?? '');
  const figures = await contest(
    [
      { name: 'aws --version', command: { argv: [aws, '--version'] } },
      { name: 'offsite --version', command: { argv: [offsite, '--version'], env: setting.env } },
      { name: 'offsite list', command: { argv: [offsite, 'list'], env: setting.env } },
      { name: 'node -e 0', command: { argv: [process.execPath, '-e', '0'] } },
    ],
    Math.max(runs, 5) * 4,
  );
  return [
    { contest: 'start', what: 'aws --version', value: 1000 * typical(figures, 'aws --version'), unit: 'ms' },
    { contest: 'start', what: 'node -e 0', value: 1000 * typical(figures, 'node -e 0'), unit: 'ms' },
    {
      contest: 'start',
      what: 'offsite --version',
      value: 1000 * typical(figures, 'offsite --version'),
      unit: 'ms',
    },
    {
      contest: 'start',
      what: 'offsite list, which asks the store',
      value: 1000 * typical(figures, 'offsite list'),
      unit: 'ms',
      target: { atMost: 150 },
    },
    {
      contest: 'start',
      what: 'offsite --version ÷ aws --version',
      value: ratio(figures, 'offsite --version', 'aws --version'),
      unit: '×',
      target: { atMost: 0.2 },
    },
  ];
}

/** What a host has to install. */
async function packages(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const name of ['pack-cli', 'deb']) {
    const { stdout } = await run(process.execPath, [join(projectRoot, 'bin', `${name}.ts`)], {
      cwd: projectRoot,
    });
    const { size } = await stat(join(projectRoot, stdout.trim()));
    const what = `npm run ${name}`;
    rows.push({ contest: 'packages', what, value: size / 1000, unit: 'KB', target: { atMost: 3000 } });
  }
  return rows;
}

/** The aws that runs in the end: pyenv's shims cost as much again, and nobody's production has them. */
async function behindShims(path: string): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'pyenv which aws 2>/dev/null || command -v aws'], {
    env: { ...process.env, PATH: path },
  });
  return stdout.trim();
}

async function bundles(setting: Setting, runs: number): Promise<Row[]> {
  const rows: Row[] = [];
  const lambdas = readdirSync(join(projectRoot, 'lambda'))
    .map((file) => basename(file, '.ts'))
    .filter((name) => !['chain', 'credentials', 'environment', 'measure'].includes(name));
  for (const name of lambdas) {
    const bundle = await bundleHandler(name, setting.folder);
    const zipped = join(setting.folder, `${name}.zip`);
    await run('zip', ['-q', '-j', '-X', zipped, bundle]);
    const script = `const t = performance.now(); require(${JSON.stringify(bundle)}); console.log(performance.now() - t)`;
    const initMs: number[] = [];
    for (let count = 0; count < Math.max(runs, 5); count += 1) {
      const { stdout } = await measure({ argv: [process.execPath, '-e', script], env: setting.env });
      initMs.push(Number(stdout.trim().split('\n').at(-1)));
    }
    rows.push(
      {
        contest: 'handlers',
        what: `${name}, zipped`,
        value: (await stat(zipped)).size / 1000,
        unit: 'KB',
        target: { atMost: 200 },
      },
      {
        contest: 'handlers',
        what: `${name}, initialised`,
        value: median(initMs),
        unit: 'ms',
        target: { atMost: 150 },
      },
    );
  }
  return rows;
}

/** The same client against a server that stores: ../shared/real-s3 beside the project, a Ceph. */
async function realS3(setting: Setting, runs: number): Promise<Row[]> {
  const scripts = join(projectRoot, '..', 'shared', 'real-s3');
  if (!existsSync(join(scripts, 'up'))) throw new Error(`there is no ${scripts}/up`);
  const state = join(setting.folder, 'ceph');
  const { stdout } = await run(join(scripts, 'up'), [state], {
    env: { ...process.env, RGW_STORE: 'memstore' },
  });
  try {
    const found = Object.fromEntries(
      stdout
        .split('\n')
        .filter((line) => /^[A-Z_0-9]+=/.test(line))
        .map((line) => [
          line.slice(0, line.indexOf('=')),
          line.slice(line.indexOf('=') + 1).replace(/^'|'$/g, ''),
        ]),
    );
    const env = { ...setting.env, ...found };
    await run('aws', ['s3', 'mb', 's3://sink'], { env: { ...process.env, ...env } });
    const shell = {
      argv: ['sh', '-c', 'pg_dump | gzip | aws s3 cp - s3://sink/naive'] as [string, ...string[]],
      env,
    };
    const figures = await contest(
      [
        { name: pipe, command: shell },
        agent('igzip', { ...setting, env }, '--compress', 'igzip'),
        agent('node', { ...setting, env }, '--compress', 'node'),
      ],
      runs,
    );
    return ['igzip', 'node'].map((name) => ({
      contest: 'back up to Ceph',
      what: `${name}, faster than the pipe`,
      value: 1 / ratio(figures, name, pipe),
      unit: '×',
    }));
  } finally {
    await run(join(scripts, 'down'), [state]);
  }
}

/** By the names that --only takes. */
export const contests: Readonly<Record<string, Contest>> = {
  start,
  packages,
  bundles,
  backup,
  memory,
  verify,
  restore,
  fetch: async (setting, runs) => fetchContest(setting, runs, await storeArchive(setting)),
  scale,
};
export const onDemand: Readonly<Record<string, Contest>> = {
  'real-s3': realS3,
  drills: drillsContest,
  pitr: pitrContest,
};

/** What the figures were measured on. */
export async function machine(): Promise<Record<string, string>> {
  const first = async (program: string, ...args: string[]) => {
    const { stdout, stderr } = await run(program, args).catch(() => ({ stdout: 'none', stderr: '' }));
    return (stdout || stderr).split('\n')[0] ?? '';
  };
  const cpu = /model name\s*: (.*)/.exec(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))?.[1] ?? '';
  return {
    cpu,
    cores: String(navigator.hardwareConcurrency),
    load: (await readFile('/proc/loadavg', 'utf8').catch(() => '')).trim(),
    node: process.version,
    igzip: await first('igzip', '--version'),
    pigz: await first('pigz', '--version'),
    gzip: await first('gzip', '--version'),
    aws: await first('aws', '--version'),
  };
}
