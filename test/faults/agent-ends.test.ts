// What the agent began is ended, whatever ends it; and a program that was told to stop has not succeeded, whatever it says.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { estimateSize } from '../../lib/backup/ask-server.ts';
import { endMarker } from '../../lib/sql/reader.ts';
import { bin, committed, storeEnvironment, whereIs } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { until } from '../fixtures/events.ts';
import { commandLines } from '../fixtures/postgres.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-ends-'));
/** No other test sleeps for so long. */
const nap = `76.${process.pid}`;
let stub: S3Stub;

beforeAll(() => writeFileSync(join(folder, 'dump.sql'), smallDump(200)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async ({ onTestFinished, task }) => {
  stub = await startS3Stub();
  onTestFinished(async () => {
    task.meta.holds = stub.holds();
    await stub.stop();
  });
});

function start(args: readonly string[], before: readonly string[] = [], more: Record<string, string> = {}) {
  const [program = bin, ...rest] = [...before, bin, ...args];
  return execa(program, rest, {
    env: { ...storeEnvironment(stub), XDG_STATE_HOME: join(open, 'state'), ...more },
    extendEnv: false,
    reject: false,
    // Else execa sends SIGKILL after 5 s, which a machine with much to do may need.
    forceKillAfterDelay: false,
  });
}

const napping = () => commandLines().filter((line) => line.includes(nap) && !line.includes('backup'));

describe('a command that exits with 0 once it is told to stop', () => {
  const script = `trap 'exit 0' TERM; cat ${folder}/dump.sql; sleep ${nap} & wait`;

  it('has stalled', async () => {
    const { exitCode, stderr } = await start([
      'backup',
      '--stall-timeout',
      '500ms',
      '--',
      'sh',
      '-c',
      script,
    ]);
    expect(stderr).toContain('[DUMP_STALLED]');
    expect(exitCode).toBe(3);
    expect(committed(stub)).toEqual([]);
    expect(napping()).toEqual([]);
  });

  it('was interrupted, also before its first byte', async () => {
    const agent = start(['backup', '--', 'sh', '-c', `trap 'exit 0' TERM; sleep ${nap} & wait`]);
    await until('the dump waits', () => napping().length > 0, agent);
    agent.kill('SIGTERM');
    const { exitCode, stderr } = await agent;
    expect(stderr).toContain('[INTERRUPTED]');
    expect(exitCode).toBe(143);
    expect(stub.holds()).toBe('nothing');
  });
});

describe('a back-up under nohup', () => {
  it('goes on when the terminal closes', async () => {
    const [begun, gate] = [join(folder, 'begun'), join(folder, 'gate')];
    const script = `touch ${begun}; while [ ! -e ${gate} ]; do sleep 0.05; done; cat ${folder}/dump.sql`;
    const agent = start(['backup', '--', 'sh', '-c', script], ['nohup']);
    await until('the dump has begun', () => existsSync(begun), agent);
    agent.kill('SIGHUP');
    writeFileSync(gate, '');
    const { exitCode, stderr } = await agent;
    expect(exitCode, stderr).toBe(0);
    expect(committed(stub)).toHaveLength(1);
  });
});

/** As sudo does: the program becomes root's, whom the agent's user may not end. The tests' own folder is closed to others. */
const open = mkdtempSync('/var/tmp/offsite-sudo-');
chmodSync(open, 0o777);
afterAll(() => rmSync(open, { recursive: true, force: true }));
const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const sudo = join(open, 'sudo');
const become = [sudo, '--reuid=0', '--regid=0', '--clear-groups'];
const canBecomeAnother = await (async () => {
  if (process.getuid?.() !== 0 || !hasProgram('setpriv')) return false;
  copyFileSync(whereIs('setpriv'), sudo);
  chmodSync(sudo, 0o4755);
  const [program = '', ...args] = [...asNobody, ...become, 'id', '-u'];
  const { stdout } = await execa(program, args, { reject: false });
  const started = await execa('setpriv', [...asNobody.slice(1), bin, '--version'], { reject: false });
  return stdout === '0' && !started.failed;
})();
if (!canBecomeAnother) console.warn('SKIPPED: nobody here can be two users, so no dump is another user’s');

describe.skipIf(!canBecomeAnother)('a dump of another user, as through sudo', () => {
  beforeAll(() => writeFileSync(join(open, 'dump.sql'), smallDump(200)));
  const remaining = async () => {
    const { stdout } = await execa('ps', ['-eo', 'pid=,args=']);
    return stdout.split('\n').filter((line) => line.includes(`sleep ${nap}`));
  };
  const endRemaining = async () => {
    for (const line of await remaining()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
    await until('nothing remains', () => napping().length === 0);
  };

  it('that waits is told of when it stalls, and when the agent is interrupted', async () => {
    const stalled = await start(
      ['backup', '--stall-timeout', '500ms', '--', ...become, 'sleep', nap],
      asNobody,
    );
    expect(stalled.stderr).toContain('[DUMP_STALLED]');
    expect(stalled.stderr).toMatch(/still runs, as this user may not end it: end \S*sudo \(process \d+\)/);
    expect(stalled.exitCode).toBe(3);
    await endRemaining();
    const agent = start(['backup', '--', ...become, 'sleep', nap], asNobody);
    await until('the dump waits', () => napping().some((line) => line.startsWith('sleep ')), agent);
    agent.kill('SIGTERM');
    const { exitCode, stderr } = await agent;
    expect(stderr).toMatch(/still runs.*\n(.*\n)*.*\[INTERRUPTED\]/);
    expect(exitCode).toBe(143);
    await endRemaining();
  });

  it('that writes on ends by itself: nobody takes what it writes', async () => {
    const agent = start(
      ['backup', '--', ...become, 'sh', '-c', `cat ${open}/dump.sql; yes ${nap}`],
      asNobody,
    );
    await until('the dump writes', () => napping().some((line) => line.startsWith('yes ')), agent);
    agent.kill('SIGTERM');
    const { exitCode, stderr } = await agent;
    expect(exitCode).toBe(143);
    expect(stderr).not.toContain('still runs');
    expect(napping()).toEqual([]);
  });
});

describe('a Docker that hangs', () => {
  it('does not hold up the dump with a question about its size', async () => {
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\nsleep ${nap}\n`, { mode: 0o755 });
    const { PATH } = process.env;
    process.env.PATH = `${folder}:${PATH}`;
    try {
      const settings = { via: 'container', container: 'any' } as const;
      expect(await estimateSize(settings, undefined, 300)).toBeUndefined();
      expect(napping()).toEqual([]);
    } finally {
      process.env.PATH = PATH;
    }
  });
});

describe('a store that swallows bytes', () => {
  const large = join(folder, 'large.sql');
  beforeAll(() => {
    // In several parts, whatever compresses it.
    const noise = randomBytes(9_000_000)
      .toString('base64')
      .replaceAll(/.{100}/g, '-- $&\n');
    writeFileSync(large, smallDump(1).toString().replace(endMarker, `\n${noise}\n${endMarker}`));
  });

  it.each([
    ['put', 1, 'nothing'],
    ['put', 2, 'archive'],
    ['begin', 1, 'nothing'],
    ['part', 2, 'nothing'],
    ['complete', 1, 'nothing'],
  ] as const)('%s %i: holds the dump for as long as --patience says', async (kind, nth, left) => {
    stub.fail(kind, [nth, 1000], { silence: true });
    const dump = kind === 'put' ? join(folder, 'dump.sql') : large;
    const { exitCode, stderr } = await start(['backup', '--patience', '1s', '--', 'cat', dump]);
    expect(stderr).toMatch(/not acknowledged after 500 ms; the dump waits.* at most 1\.0 s \(--patience\)/);
    expect(stderr).toContain('[STORE_UNREACHABLE]');
    expect(exitCode).toBe(4);
    expect(stub.holds()).toBe(left);
  });

  it('is also one that takes a connection and reads nothing of it', async () => {
    const deaf = createServer((socket) => void socket.pause().on('error', () => undefined));
    await once(deaf.listen(0, '127.0.0.1'), 'listening');
    try {
      const endpoint = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
      const args = ['backup', '--endpoint', endpoint, '--patience', '1s', '--', 'cat', `${folder}/dump.sql`];
      const { exitCode, stderr } = await start(args);
      expect(stderr).toContain('[STORE_UNREACHABLE]');
      expect(exitCode).toBe(4);
    } finally {
      deaf.close();
    }
  });

  it('takes a patience that is no duration for a slip', async () => {
    const { exitCode, stderr } = await start(['backup', '--patience', 'soon', '--', 'true']);
    expect(stderr).toContain('--patience is not a duration');
    expect(exitCode).toBe(2);
    expect(stub.requests).toEqual([]);
  });
});

describe('a command that has nothing to end', () => {
  const id = 'bitagent-2026-11-22-031500Z';
  // Others have 4.3 s for what they end: of a program in which that time never comes, only one that ends at once ends.
  const timeless = `const real = setTimeout;
    globalThis.setTimeout = (act, ms, ...rest) => (ms === 4300 ? { unref() {} } : real(act, ms, ...rest));`;
  const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(timeless)}`;

  it.each<[string, ...string[]]>([['list'], ['verify', id], ['undo', id], ['accept', id], ['report']])(
    '%s ends at once',
    async (...args) => {
      for (const kind of ['get', 'list', 'put'] as const) stub.fail(kind, [1, 100], { silence: true });
      const signals = { SIGINT: 130, ...(args[0] === 'list' && { SIGHUP: 129 }) };
      for (const [signal, code] of Object.entries(signals)) {
        const before = stub.requests.length;
        const command = start(args, [], { NODE_OPTIONS });
        await until('the store is asked', () => stub.requests.length > before, command);
        command.kill(signal as NodeJS.Signals);
        const { exitCode, stderr } = await command;
        expect(exitCode).toBe(code);
        expect(stderr).toContain(`interrupted by ${signal}`);
      }
    },
  );
});
