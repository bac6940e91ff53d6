// SIGKILL at random points, 200 by OFFSITE_LONG=1: no manifest without its whole archive, ever. Half of the points are random times, half
// are requests of the store's, where what matters happens.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { until } from '../fixtures/events.ts';
import { often } from '../fixtures/often.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type Kind, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-killed-'));
const small = join(folder, 'small.sql');
/** Of two parts. */
const large = join(folder, 'large.sql');

beforeAll(() => {
  writeFileSync(small, smallDump(500));
  writeFileSync(large, smallDump(1).replace('name 0', randomBytes(12 * 1024 ** 2).toString('base64')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kills = often(24, 200);
const atOnce = 4;
/** Requests at which an agent is killed; a small archive is put whole, and then its manifest. */
const points: Record<'small' | 'large', [Kind, number][]> = {
  small: [
    ['put', 1],
    ['put', 2],
  ],
  large: [
    ['begin', 1],
    ['part', 1],
    ['part', 2],
    ['complete', 1],
    ['put', 1],
  ],
};

/** The same numbers every time, so that a failure can be looked at again. */
function* randoms(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

async function killOne(index: number, random: () => number, usualMs: number): Promise<string> {
  const stub = await startS3Stub();
  const size = index % 4 < 2 ? 'small' : 'large';
  const agent = execa(bin, ['backup', '--', 'cat', size === 'small' ? small : large], {
    env: { ...storeEnvironment(stub), XDG_STATE_HOME: join(folder, String(index)) },
    extendEnv: false,
    reject: false,
    stdio: 'ignore',
  });
  try {
    if (index % 2 === 0) {
      const [kind, nth] = points[size][(index >> 2) % points[size].length] as [Kind, number];
      if ((index >> 3) % 2 === 0) {
        // The store never carries it out.
        stub.fail(kind, nth, { silence: true });
        await until('the agent is that far', () => stub.count(kind) >= nth, agent);
        agent.kill('SIGKILL');
      } else {
        const afterMs = random() * 15;
        stub.fail(kind, nth, {
          first: () => void setTimeout(() => agent.kill('SIGKILL'), afterMs < 5 ? 0 : afterMs),
        });
      }
    } else {
      const afterMs = usualMs * (0.4 + 0.8 * random());
      void sleep(afterMs).then(() => agent.kill('SIGKILL'));
    }
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
  const began = performance.now();
  // Unharmed, and as many at once, to know how long it takes.
  const unharmed = Array.from({ length: atOnce }, (_, index) => killOne(2 * index + 1, () => 9, 1e4));
  for (const holds of await Promise.all(unharmed)) expect(holds).toBe('archive + manifest');
  const usualMs = performance.now() - began;
  const left = new Map<string, number>();
  let next = 0;
  const work = async () => {
    while (next < kills) {
      const index = next++;
      const holds = await killOne(index, random, usualMs);
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
