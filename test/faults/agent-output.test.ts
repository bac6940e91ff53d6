// stdout and stderr that break: the reader has gone, the disk is full, the terminal was closed. A good back-up stays one,
// and who wanted no more is not told of a failure.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { smallDump } from '../fixtures/archives.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-output-'));
const file = join(folder, 'dump.sql');
/** As /dev/full is; a device of its own, so that no fault of ours can harm the machine's. */
const full = join(folder, 'full');
const canMakeDevices = process.getuid?.() === 0;
let stub: S3Stub;
let runs = 0;

beforeAll(async () => {
  writeFileSync(file, smallDump(2000));
  if (canMakeDevices) await execa('mknod', ['-m', '666', full, 'c', '1', '7']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const state = () => join(folder, String(runs), 'offsite', 'bitagent.json');

/** Runs a line of bash; `$OFFSITE` is the program, `$RC` a file for its exit code. */
async function bash(line: string) {
  const code = join(folder, `${runs}.code`);
  const { stdout, stderr } = await execa('bash', ['-c', line], {
    env: {
      ...storeEnvironment(stub),
      XDG_STATE_HOME: join(folder, String(runs)),
      OFFSITE: bin,
      DUMP: file,
      RC: code,
    },
    extendEnv: false,
    reject: false,
  });
  return { stdout, stderr, code: Number(readFileSync(code, 'utf8')) };
}

describe('a back-up', () => {
  beforeEach(async ({ onTestFinished, task }) => {
    stub = await startS3Stub();
    runs += 1;
    onTestFinished(async () => {
      task.meta.holds = stub.holds();
      await stub.stop();
    });
  });

  it.each<[string, string]>([
    ['whose reader has gone', '{ $OFFSITE backup -- cat $DUMP; echo $? > $RC; } | true'],
    ['whose log has gone', '{ $OFFSITE backup -- cat $DUMP; echo $? > $RC; } 2> >(true)'],
    ['whose both have gone', '{ $OFFSITE backup -- cat $DUMP; echo $? > $RC; } 2>&1 | true'],
    ['with --json, whose reader has gone', '{ $OFFSITE backup --json -- cat $DUMP; echo $? > $RC; } | true'],
    ['whose stdout and stderr are closed', '$OFFSITE backup -- cat $DUMP >&- 2>&-; echo $? > $RC'],
  ])('%s is stored, and remembered', async (_, line) => {
    const { code, stderr } = await bash(line);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(committed(stub)).toHaveLength(1);
    expect(JSON.parse(readFileSync(state(), 'utf8'))).toMatchObject({ archive: { id: expect.any(String) } });
  });

  it.skipIf(!canMakeDevices)('whose stdout is a full disk says that it is stored', async () => {
    const { code, stderr } = await bash(`$OFFSITE backup -- cat $DUMP > ${full}; echo $? > $RC`);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^offsite: warning: the archive is stored: bitagent-\S+; .*ENOSPC/);
    expect(committed(stub)).toHaveLength(1);
  });

  it.skipIf(!canMakeDevices)('that is imported is, and nobody is told to do it again', async () => {
    const line =
      'gzip -c $DUMP > $XDG_STATE_HOME-2026-11-08.sql.gz; $OFFSITE import $XDG_STATE_HOME-2026-11-08.sql.gz';
    const { code, stderr } = await bash(`${line} > ${full}; echo $? > $RC`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/all of it was done.*\[OUTPUT_LOST\](.*\n)*.*ENOSPC(.*\n)*.*do not run it again/);
    expect(committed(stub)).toHaveLength(1);
  });

  it.skipIf(!canMakeDevices)('whose log is a full disk is stored', async () => {
    const { code, stdout } = await bash(
      `$OFFSITE backup -- sh -c 'echo words >&2; cat $DUMP' 2> ${full}; echo $? > $RC`,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^bitagent-/);
    expect(committed(stub)).toHaveLength(1);
  });

  it('that may open few files ends, whole or with nothing stored', async () => {
    // What a start needs, and one program and one connection more, is between these on any machine.
    for (const files of [24, 28, 32, 36, 40, 256]) {
      const before = committed(stub).length;
      const { code, stderr } = await bash(`ulimit -n ${files}; $OFFSITE backup -- cat $DUMP; echo $? > $RC`);
      if (code === 0) expect(committed(stub)).toHaveLength(before + 1);
      else {
        expect(stderr).toMatch(/\[HOST_EXHAUSTED\]\n.*\n +found .*EMFILE|EMFILE: too many open files/);
        expect(committed(stub)).toHaveLength(before);
      }
    }
    expect(committed(stub).length).toBeGreaterThan(0);
  });

  it('that fails says so though nobody reads its stdout', async () => {
    const { code, stderr } = await bash('{ $OFFSITE backup -- false; echo $? > $RC; } | true');
    expect(code).toBe(3);
    expect(stderr).toContain('[DUMP_FAILED]');
  });
});

describe('a reader that wants no more', () => {
  beforeAll(async () => {
    stub = await startS3Stub();
    runs += 1;
    await bash('$OFFSITE backup -- cat $DUMP; echo $? > $RC');
    expect(committed(stub)).toHaveLength(1);
  });
  afterEach(({ task }) => {
    rmSync(join(folder, `${runs}.code`), { force: true });
    task.meta.holds = stub.holds();
  });
  afterAll(() => stub.stop());

  it.each<[string, string]>([
    ['list | true', '{ $OFFSITE list; echo $? > $RC; } | true'],
    ['list --json | head', '{ $OFFSITE list --json; echo $? > $RC; } | head -c 1'],
    ['verify --json | true', '{ $OFFSITE verify latest --json; echo $? > $RC; } | true'],
    ['fetch -o - | head', '{ $OFFSITE fetch latest --any -o -; echo $? > $RC; } | head -c 100 > /dev/null'],
    ['--help | true', '{ $OFFSITE --help; echo $? > $RC; } | true'],
  ])('%s ends quietly', async (_, line) => {
    const { code, stderr } = await bash(line);
    expect([0, 141]).toContain(code);
    expect(stderr).not.toMatch(/EPIPE|expected|Error/);
  });

  it.skipIf(!canMakeDevices)('is not a disk that is full', async () => {
    for (const command of ['list', 'fetch latest --any -o -', '--help', '--version', 'backup --help']) {
      const { code, stderr } = await bash(`$OFFSITE ${command} > ${full}; echo $? > $RC`);
      expect(code).toBe(1);
      expect(stderr).toContain('ENOSPC');
    }
  });

  it('is not one that was closed', async () => {
    for (const command of ['list', '--help']) {
      const { code, stderr } = await bash(`$OFFSITE ${command} 1>&-; echo $? > $RC`);
      expect(code).toBe(1);
      expect(stderr).toContain('stdout is closed');
    }
  });

  it('is not one that was never to be read: /dev/null as Python, Ansible or daemon(3) open it, for both ways', async () => {
    for (const command of ['list', '--version'])
      expect((await bash(`$OFFSITE ${command} 1<> /dev/null; echo $? > $RC`)).code).toBe(0);
  });

  it('is not one that never was: fetch does not say that all is well', async () => {
    const { code, stderr } = await bash('$OFFSITE fetch latest --any -o - 1>&-; echo $? > $RC');
    expect(code).toBe(2);
    expect(stderr).toContain('stdout is closed');
    expect(stderr).not.toContain('sha256');
    const thrown = await bash('$OFFSITE fetch latest --any -o - > /dev/null; echo $? > $RC');
    expect(thrown.code).toBe(0);
    expect(thrown.stderr).toContain('sha256 as in its manifest');
  });
});
