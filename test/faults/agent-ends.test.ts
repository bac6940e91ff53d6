// What the agent began is ended, whatever ends it; and a program that was told to stop has not succeeded, whatever it says.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { estimateSize } from '../../lib/backup/ask-server.ts';
import { bin, committed, storeEnvironment, whereIs } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
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

function start(args: readonly string[], before: readonly string[] = []) {
  const [program = bin, ...rest] = [...before, bin, ...args];
  return execa(program, rest, {
    env: { ...storeEnvironment(stub), XDG_STATE_HOME: join(open, 'state') },
    extendEnv: false,
    reject: false,
  });
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === 1000) throw new Error('it never came to that');
    await sleep(20);
  }
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
    await until(() => napping().length > 0);
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
    await until(() => existsSync(begun));
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
    await until(() => napping().length === 0);
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
    await until(() => napping().some((line) => line.startsWith('sleep ')));
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
    await until(() => napping().some((line) => line.startsWith('yes ')));
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

describe('a command that has nothing to end', () => {
  const id = 'bitagent-2026-11-22-031500Z';
  it.each([['list'], ['verify', id], ['undo', id], ['accept', id], ['report']])(
    '%s ends at once',
    async (...args) => {
      for (const kind of ['get', 'list', 'put'] as const) stub.fail(kind, [1, 100], { silence: true });
      for (const [signal, code] of [
        ['SIGINT', 130],
        ['SIGHUP', 129],
      ] as const) {
        const before = stub.requests.length;
        const command = start(args);
        await until(() => stub.requests.length > before);
        const began = performance.now();
        command.kill(signal);
        const { exitCode, stderr } = await command;
        // Others have 4.3 s for what they end.
        expect(performance.now() - began).toBeLessThan(4000);
        expect(exitCode).toBe(code);
        expect(stderr).toContain(`interrupted by ${signal}`);
      }
    },
  );
});
