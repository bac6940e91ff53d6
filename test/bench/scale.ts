// A thousand sources of 400 archives each through `expire` and `watch`: the handlers' own bundles against a listing
// server of its own, in real HTTP. The store holds 1.2 million objects by a formula; what is measured is the handler.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bundleHandler } from './bundle.ts';
import { type Contestant, contest, type Row, typical } from './contest.ts';
import type { Setting } from './setting.ts';

const sources = 1000;
const archives = 400;

/** Runs both handlers over all of it. */
export async function scale(setting: Setting, runs: number): Promise<Row[]> {
  const store = await startStore();
  try {
    const contestants = await Promise.all(
      (['expire', 'watch'] as const).map((name) => handlerOf(name, setting, store.url)),
    );
    const figures = await contest(contestants, runs);
    const rows = contestants.flatMap(({ name }) => [
      row(name, typical(figures, name), 's', 60),
      row(`${name}, peak memory`, typical(figures, name, 'peakMiB'), 'MiB', 512),
    ]);
    process.stderr.write(`  requests of all runs: ${await (await fetch(`${store.url}/counts`)).text()}\n`);
    return rows;
  } finally {
    await store.stop();
  }
}

function row(what: string, value: number, unit: Row['unit'], atMost: number): Row {
  return { contest: `${sources} sources × ${archives} archives`, what, value, unit, target: { atMost } };
}

async function handlerOf(name: 'expire' | 'watch', setting: Setting, url: string): Promise<Contestant> {
  const bundle = await bundleHandler(name, setting.folder);
  // It answers with all that it did: what did nothing is not measured.
  const check =
    name === 'expire'
      ? 'r.plans.length > 0 && r.plans.every((p) => p.expire.length === 1 && p.keep.length === 399)'
      : `r.sightings.length === ${sources} && r.sightings.every((s) => s.newestIntactId && s.overdue.length === 0)`;
  const script = `require(${JSON.stringify(bundle)}).handler({}, {functionName: '${name}', awsRequestId: '1', invokedFunctionArn: 'arn:aws:lambda:us-east-1:1:function:x'}).then((r) => { if (!(${check})) { console.error('not as expected'); process.exit(1); } }, (e) => { console.error(e); process.exit(1); })`;
  return {
    name,
    command: {
      argv: [process.execPath, '-e', script],
      env: {
        ...setting.env,
        AWS_ENDPOINT_URL: url,
        OFFSITE_BUCKET: 'many',
        OFFSITE_TOPIC_ARN: 'arn:aws:sns:us-east-1:1:topic',
        OFFSITE_SOURCES: 'bitagent-0000',
        // As many nights as are kept, and one more: each source expires one archive, as on any morning.
        OFFSITE_KEEP_DAYS: String(archives - 1),
        OFFSITE_KEEP_INTACT: '3',
        OFFSITE_KEEP_WEEKLY: '0',
        OFFSITE_KEEP_MONTHLY: '0',
        OFFSITE_KEEP_YEARLY: '0',
        OFFSITE_LOCK_MODE: 'OFF',
        OFFSITE_REREAD_PERCENT: '0',
        OFFSITE_FRESHNESS_HOURS: '26',
        OFFSITE_RESTORE_TEST_DAYS: '100',
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_LOG_LEVEL: 'ERROR',
        POWERTOOLS_METRICS_DISABLED: 'true',
      },
    },
  };
}

async function startStore(): Promise<{ url: string; stop: () => Promise<void> }> {
  const script = join(import.meta.dirname, 'many-archives.ts');
  const args = [script, String(sources), String(archives)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  const stop = async () => {
    const gone = once(child, 'exit');
    child.stdin?.end();
    await gone;
  };
  return { url: line.toString('utf8').trim(), stop };
}
