// SIGKILL at random points, 200 by OFFSITE_LONG=1: no manifest without its whole archive, ever. At each kind of request to the
// store first, where what matters happens; then at random times, and by turns soon after such a request.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa, type Subprocess } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { until } from '../fixtures/events.ts';
import { often } from '../fixtures/often.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type Kind, type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-killed-'));
const small = join(folder, 'small.sql');
/** Of two parts. */
const large = join(folder, 'large.sql');

beforeAll(() => {
  writeFileSync(small, smallDump(500));
  writeFileSync(large, smallDump(1).replace('name 0', randomBytes(12 * 1024 ** 2).toString('base64')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kills = often(16, 200);
const atOnce = 4;
let runs = 0;
/** Requests at which an agent is killed; a small archive is put whole, and then its manifest. */
const points: ['small' | 'large', Kind, number][] = [
  ['small', 'put', 1],
  ['small', 'put', 2],
  ['large', 'begin', 1],
  ['large', 'part', 1],
  ['large', 'part', 2],
  ['large', 'complete', 1],
  ['large', 'put', 1],
];

/** The same numbers every time, so that a failure can be looked at again. */
function* randoms(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

type Point = (typeof points)[number];

/** @returns What the store holds after a back-up to which that happened. */
async function backUp(
  size: Point[0],
  harm: (stub: S3Stub, agent: Subprocess) => Promise<void> | void,
): Promise<string> {
  const stub = await startS3Stub();
  const agent = execa(bin, ['backup', '--', 'cat', size === 'small' ? small : large], {
    env: { ...storeEnvironment(stub), XDG_STATE_HOME: join(folder, String(runs++)) },
    extendEnv: false,
    reject: false,
    stdio: 'ignore',
  });
  try {
    await harm(stub, agent);
    await agent;
    // What the store had already received is still carried out.
    await sleep(30);
    // Throws for a manifest without its whole archive.
    committed(stub);
    return stub.holds();
  } finally {
    await stub.stop();
  }
}

it(`an agent that is killed ${kills} times`, { timeout: 1_800_000 }, async ({ task }) => {
  const numbers = randoms(20261123);
  const random = () => numbers.next().value;
  const pointOf = (index: number) => points[index % points.length] as Point;
  const began = performance.now();
  // Unharmed, and as many at once, to know how long it takes.
  const unharmed = Array.from({ length: atOnce }, (_, index) => backUp(pointOf(index)[0], () => undefined));
  for (const holds of await Promise.all(unharmed)) expect(holds).toBe('archive + manifest');
  const usualMs = performance.now() - began;

  const killOne = (index: number) => {
    const [size, kind, nth] = pointOf(index);
    return backUp(size, async (stub, agent) => {
      if (index < points.length) {
        // The store never carries it out.
        stub.fail(kind, nth, { silence: true });
        await until('the agent is that far', () => stub.count(kind) >= nth, agent);
        agent.kill('SIGKILL');
      } else if (index % 2 === 0) {
        const afterMs = random() * 15;
        stub.fail(kind, nth, {
          first: () => void setTimeout(() => agent.kill('SIGKILL'), afterMs < 5 ? 0 : afterMs),
        });
      } else {
        const afterMs = usualMs * (0.4 + 0.8 * random());
        void sleep(afterMs).then(() => agent.kill('SIGKILL'));
      }
    });
  };
  const left = new Map<string, number>();
  let next = 0;
  const work = async () => {
    while (next < kills) {
      const holds = await killOne(next++);
      left.set(holds, (left.get(holds) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  task.meta.holds = [...left].map(([holds, times]) => `${times} × ${holds}`).join('; ');
  // It was killed at all stages: before anything, in the middle, between archive and manifest.
  expect(left.get('nothing')).toBeGreaterThan(0);
  expect(left.get('nothing, 1 unfinished upload')).toBeGreaterThan(0);
  expect(left.get('archive')).toBeGreaterThan(0);
  expect([...left.keys()].filter((holds) => /^manifest/.test(holds))).toEqual([]);
  expect(commandLines().filter((line) => line.includes(folder))).toEqual([]);
});
