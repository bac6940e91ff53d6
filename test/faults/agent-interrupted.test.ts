// SIGTERM, SIGINT and SIGHUP at every stage: the agent ends within five seconds, says so, and leaves nothing half-written.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { until } from '../fixtures/events.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type Fault, type Kind, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-interrupted-'));
/** Of two parts. */
const file = join(folder, 'dump.sql');
/** No other test sleeps for so long. */
const nap = `80.${process.pid}`;
beforeAll(() =>
  writeFileSync(file, smallDump(1).replace('name 0', randomBytes(12 * 1024 ** 2).toString('base64'))),
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What holds the agent up, and what it may leave. */
const stages: [string, string, { kind: Kind; fault: Fault } | undefined, string][] = [
  ['while it waits for the dump', `sleep ${nap}; cat ${file}`, undefined, 'nothing'],
  ['in the middle of the dump', `head -c 3000000 ${file}; sleep ${nap}`, undefined, 'nothing'],
  [
    'with a dump that does not listen',
    `trap "" TERM INT; head -c 3000000 ${file}; sleep ${nap}; sleep ${nap}`,
    undefined,
    'nothing',
  ],
  [
    'while the store begins the upload',
    `cat ${file}`,
    { kind: 'begin', fault: { silence: true } },
    'nothing',
  ],
  ['while a part is on its way', `cat ${file}`, { kind: 'part', fault: { silence: true } }, 'nothing'],
  // Whether it was completed cannot be known then, and nobody may read it: but it has no manifest.
  ['while the store completes', `cat ${file}`, { kind: 'complete', fault: { silence: true } }, 'nothing'],
  ['while the manifest is on its way', `cat ${file}`, { kind: 'put', fault: { silence: true } }, 'archive'],
  [
    'while the store is busy',
    `cat ${file}`,
    { kind: 'part', fault: { refuse: [503, 'SlowDown'] } },
    'nothing',
  ],
];

// All end it in one way: the stages are gone through with one.
const signals: [NodeJS.Signals, number, typeof stages][] = [
  ['SIGTERM', 143, stages],
  ['SIGINT', 130, stages.slice(1, 3)],
  ['SIGHUP', 129, stages.slice(1, 2)],
  ['SIGQUIT', 131, stages.slice(1, 2)],
];

describe.each(signals)('%s', (signal, code, some) => {
  it.each(some)('%s', async (_, script, held, holds) => {
    const stub = await startS3Stub();
    try {
      if (held) stub.fail(held.kind, [1, 1000], held.fault);
      const agent = execa(bin, ['backup', '--', 'sh', '-c', script], {
        env: { ...storeEnvironment(stub), XDG_STATE_HOME: folder },
        extendEnv: false,
        reject: false,
        // Else execa sends SIGKILL after 5 s, which a machine with much to do may need.
        forceKillAfterDelay: false,
      });
      const reached = () =>
        held ? stub.count(held.kind) > 0 : commandLines().some((line) => line === `sleep ${nap} `);
      await until('the agent is that far', reached, agent);
      agent.kill(signal);
      const { exitCode, stderr, stdout } = await agent;
      expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
      expect(stderr).toContain('[INTERRUPTED]');
      expect(stub.holds()).toBe(holds);
      expect(committed(stub)).toEqual([]);
      expect(commandLines().filter((line) => line.includes(nap))).toEqual([]);
    } finally {
      await stub.stop();
    }
  });
});
