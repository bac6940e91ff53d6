// fetch against what people have: `aws s3 cp` as it comes, which reads ten ranges at once by default, to a file and to stdout,
// and one connection alone. From a store that limits each connection, as S3 does, and from one that limits nothing.

import { join } from 'node:path';
import { type Contestant, contest, type Row, ratio, typical } from './contest.ts';
import { offsite, type Setting } from './setting.ts';
import { keptBucket, limitedBuckets } from './sink.ts';

const cases = [
  ...Object.entries(limitedBuckets).map(([bucket, bytesPerSecond]) => ({
    bucket,
    store: `${bytesPerSecond / 1e6} MB/s a connection`,
    atLeast: 3,
  })),
  { bucket: keptBucket, store: 'an unlimited loopback', atLeast: 1 },
];

/** Lets them take turns at both stores. */
export async function fetchContest(setting: Setting, runs: number, { id }: { id: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { bucket, store, atLeast } of cases) {
    const figures = await contest(contestantsOf(setting, id, bucket), runs);
    const row = (what: string, value: number, unit: Row['unit'], more: Partial<Row> = {}): Row => ({
      contest: `fetch, ${store}`,
      what,
      value,
      unit,
      ...more,
    });
    const faster = (ours: string, theirs: string, target?: Row['target']) =>
      row(`${ours}, faster than ${theirs}`, 1 / ratio(figures, ours, theirs), '×', target && { target });
    const note = 'ten ranges at once, its default';
    rows.push(
      row('aws s3 cp to a file', typical(figures, 'aws s3 cp to a file'), 's', { note }),
      row('aws s3 cp to stdout', typical(figures, 'aws s3 cp to stdout'), 's', { note }),
      row('one connection', typical(figures, 'one connection'), 's', { note: 'aws s3api get-object' }),
      faster('to a file', 'aws s3 cp to a file', { atLeast }),
      faster('to stdout', 'aws s3 cp to stdout', { atLeast }),
      faster('to a file', 'one connection'),
      row('to a file, peak memory', typical(figures, 'to a file', 'peakMiB'), 'MiB'),
      row('aws s3 cp to a file, peak memory', typical(figures, 'aws s3 cp to a file', 'peakMiB'), 'MiB'),
    );
  }
  return rows;
}

function contestantsOf({ env, folder }: Setting, id: string, bucket: string): Contestant[] {
  const key = `archives/bitagent/${id}.sql.gz`;
  const file = join(folder, 'fetched.sql.gz');
  const contestant = (name: string, ...argv: [string, ...string[]]) => ({ name, command: { argv, env } });
  const toFile = (name: string, line: string) => contestant(name, 'sh', '-c', `exec ${line} > ${file}`);
  return [
    contestant('aws s3 cp to a file', 'aws', 's3', 'cp', '--quiet', `s3://${bucket}/${key}`, file),
    toFile('aws s3 cp to stdout', `aws s3 cp s3://${bucket}/${key} -`),
    contestant('one connection', 'aws', 's3api', 'get-object', '--bucket', bucket, '--key', key, file),
    contestant('to a file', offsite, 'fetch', id, '--bucket', bucket, '--force', '--quiet', '-o', file),
    toFile('to stdout', `${offsite} fetch ${id} --bucket ${bucket} --quiet -o -`),
  ];
}
