// What a recovery does in which order, and what it believes.

import { describe, expect, it } from 'vitest';
import { sumOf } from '../../lib/doctor/diagnosis.ts';
import { dockerError } from '../../lib/recover/docker-words.ts';
import { parseNoted } from '../../lib/recover/noted.ts';
import { concerns } from '../../lib/recover/recover.ts';
import { planSteps, type Step, takeSteps } from '../../lib/recover/steps.ts';
import { describeRecovery } from '../../lib/recover/words.ts';

/** Steps of which some are done, with all that is asked of them. */
function stepsOf(...done: boolean[]) {
  const asked: string[] = [];
  const steps = done.map((isDone, index): Step => {
    let is = isDone;
    const name = 'abcdef'[index] as string;
    return {
      name,
      does: `do ${name}`,
      async proof() {
        asked.push(`${name}?`);
        return is ? `${name} is so` : undefined;
      },
      async run() {
        asked.push(name);
        is = true;
      },
    };
  });
  return { steps, asked };
}

describe('steps', () => {
  it('are looked at up to the first that is open', async () => {
    const { steps, asked } = stepsOf(true, false, true);
    expect((await planSteps(steps)).map(({ proof }) => proof)).toEqual(['a is so', undefined, undefined]);
    expect(asked).toEqual(['a?', 'b?']);
  });

  it('are not done again where they are proven, and proven after they were done', async () => {
    const { steps, asked } = stepsOf(true, false, true, false);
    const plan = await planSteps(steps);
    asked.length = 0;
    const said: string[] = [];
    const taken = await takeSteps(steps, plan, (line) => said.push(line));
    expect(asked).toEqual(['b', 'b?', 'c?', 'd?', 'd', 'd?']);
    expect(taken.map(({ proof }) => proof)).toEqual(['a is so', 'b is so', 'c is so', 'd is so']);
    expect(said).toEqual([
      '1/4 a: done already: a is so',
      '2/4 b: do b …',
      '2/4 b: done: b is so',
      '3/4 c: done already: c is so',
      '4/4 d: do d …',
      '4/4 d: done: d is so',
    ]);
  });

  it('that end well and prove nothing end the recovery', async () => {
    const { steps, asked } = stepsOf(false, false);
    const [first, ...others] = steps as [Step, ...Step[]];
    const empty = { ...first, run: async () => undefined };
    const plan = await planSteps([empty, ...others]);
    await expect(takeSteps([empty, ...others], plan, () => undefined)).rejects.toMatchObject({
      code: 'APP_NOT_STARTED',
      found: 'no failure, and no proof',
    });
    expect(asked).not.toContain('b');
  });
});

describe('a note', () => {
  const noted = { format: 1, source: 'bitagent', archive: 'x', engine: 'E', database: 'bitmagnet' } as const;
  const wanted = {
    source: 'bitagent',
    engine: 'E',
    database: 'bitmagnet',
    archive: { id: 'x', torrents: 1 },
  };

  it.each(['', '{', 'null', '[]', '{"format":2}', JSON.stringify({ ...noted, engine: 1 })])(
    'that cannot be understood is none: %s',
    (text) => {
      expect(parseNoted(text)).toBeUndefined();
    },
  );

  it('is about one engine, source and database, and the archive if that was named', () => {
    expect(parseNoted(JSON.stringify(noted))).toEqual(noted);
    expect(concerns(noted, { ...wanted, isNamed: true })).toBe(true);
    for (const other of [{ source: 'attic' }, { engine: 'F' }, { database: 'other' }])
      expect(concerns({ ...noted, ...other }, { ...wanted, isNamed: false })).toBe(false);
    const older = { ...wanted, archive: { id: 'y', torrents: 1 } };
    expect(concerns(noted, { ...older, isNamed: true })).toBe(false);
    expect(concerns(noted, { ...older, isNamed: false })).toBe(true);
  });
});

/** As engines and both Composes have said them. */
const words: [string, string, string][] = [
  [
    'Error response from daemon: Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    'APP_NOT_STARTED',
    'pulled',
  ],
  [
    'Error response from daemon: pull access denied for nix, repository does not exist or may require docker login',
    'APP_NOT_STARTED',
    'pulled',
  ],
  [
    'Error response from daemon: manifest for postgres:99 not found: manifest unknown: manifest unknown',
    'APP_NOT_STARTED',
    'pulled',
  ],
  [
    'driver failed programming external connectivity on endpoint x: Bind for 0.0.0.0:3333 failed: port is already allocated',
    'APP_NOT_STARTED',
    'port is taken',
  ],
  ['listen tcp4 0.0.0.0:3333: bind: address already in use', 'APP_NOT_STARTED', 'port is taken'],
  [
    'Conflict. The container name "/bitagent-postgres" is already in use by container "0a"',
    'APP_NOT_STARTED',
    'of that name',
  ],
  ['write /var/lib/docker/x: no space left on device', 'APP_NOT_STARTED', 'disk is full'],
  [
    'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
    'CONTAINER_UNREACHABLE',
    'does not answer',
  ],
  [
    'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
    'CONTAINER_UNREACHABLE',
    'does not answer',
  ],
  ['something new', 'APP_NOT_STARTED', 'did not start postgres'],
];

it.each(words)('%s', (stderr, code, said) => {
  const failure = { program: 'docker', exitCode: 1, signal: undefined, startError: undefined, stderr };
  const error = dockerError('start postgres', failure);
  expect(error).toMatchObject({ code, message: expect.stringContaining(said), found: stderr });
});

it('is told in no more columns than there are', () => {
  const long = 'word '.repeat(60).trim();
  const checks = [{ name: 'healthz', outcome: 'fail', found: long, advice: long }] as const;
  const plan = [{ name: 'restore', does: long, proof: undefined }];
  const text = describeRecovery({ checks, plan, byHand: [long], sum: sumOf(checks, 'well', 'ill') }, 80);
  expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(text).toContain('1 of 1 check failed: ill.');
});
