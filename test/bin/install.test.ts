// `offsite install` on a host: what it writes runs a back-up of a real server, `uninstall` leaves what was there before, and what
// a person has made or changed is his.

import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseEnvironment } from '../../lib/nightly/environment.ts';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { offsiteHere } from '../fixtures/cli-here.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED: only root installs for a whole host');
const hasSystemd = isRoot && hasProgram('systemctl');
if (!hasSystemd) console.warn('SKIPPED: there is no systemctl, so no timer is installed');

const folder = mkdtempSync(join(tmpdir(), 'offsite-install-'));
let stub: S3Stub;
let root: string;

beforeAll(() => chmodSync(folder, 0o755));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  // For each its own: of two archives of one second, a store keeps the first.
  stub = await startS3Stub();
  root = mkdtempSync(join(folder, 'root-'));
  for (const path of ['etc/systemd/system', 'etc/cron.daily'])
    mkdirSync(join(root, path), { recursive: true });
});
afterEach(async () => {
  rmSync(root, { recursive: true, force: true });
  await stub.stop();
});

const environment = (more: Record<string, string> = {}) => ({ ...storeEnvironment(stub), ...more });

async function offsite(args: readonly string[], more: Record<string, string> = {}, cwd = root) {
  const options = { env: environment(more), extendEnv: false, reject: false, cwd } as const;
  const { exitCode, stdout, stderr } = await execa(bin, args, options);
  return { exitCode, stdout, stderr };
}
const install = (...args: string[]) => offsite(['install', '--root', root, ...args]);
const uninstall = (...args: string[]) => offsite(['uninstall', '--root', root, ...args]);
/** Where nothing is written that names the program or the folder it was asked in. */
const installHere = (...args: string[]) => offsiteHere(['install', '--root', root, ...args], environment());

/** Every file with its mode and content. */
function tree(path = root): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => {
    const stats = lstatSync(join(path, name));
    const holds = stats.isSymbolicLink()
      ? readlinkSync(join(path, name))
      : stats.isFile()
        ? createHash('sha256')
            .update(readFileSync(join(path, name)))
            .digest('hex')
        : '';
    return `${name} ${stats.mode.toString(8)} ${holds}`;
  });
}

describe.skipIf(!hasSystemd)('with systemd', () => {
  const unit = () => join(root, 'etc/systemd/system/offsite.service');
  const variables = () => join(root, 'etc/offsite/offsite.env');

  it('is shown first, done once, changes nothing when done again, and is taken back whole', async () => {
    const before = tree();
    const shown = await install('--print', '--at', '4:20', '--container', 'db');
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout).toContain('OnCalendar=*-*-* 04:20:00\n');
    expect(shown.stdout).toContain(`# then: systemctl --root=${root} enable offsite.timer`);
    expect(shown.stdout).not.toContain('testing');
    expect(tree()).toEqual(before);

    const done = await install('--at', '4:20', '--container', 'db');
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(done.stdout).toContain('journalctl -u offsite\n');
    expect(lstatSync(variables()).mode & 0o777).toBe(0o600);
    expect(parseEnvironment(readFileSync(variables(), 'utf8'))).toMatchObject({
      AWS_SECRET_ACCESS_KEY: 'testing',
      OFFSITE_CONTAINER: 'db',
    });
    for (const line of done.stdout.matchAll(/^written {4}(\S+\/system\/\S+)$/gm))
      expect(readFileSync(line[1] as string, 'utf8')).not.toContain('testing');
    expect(readlinkSync(join(root, 'etc/systemd/system/timers.target.wants/offsite.timer'))).toContain(
      'offsite.timer',
    );

    const after = tree();
    const again = await offsite(['install', '--root', root, '--at', '4:20'], { AWS_SECRET_ACCESS_KEY: '' });
    expect(again.stdout.match(/^unchanged/gm)).toHaveLength(3);
    expect(tree()).toEqual(after);

    const back = await uninstall();
    expect(back).toMatchObject({ exitCode: 0, stderr: '' });
    expect(back.stdout.match(/^removed/gm)).toHaveLength(3);
    expect(tree()).toEqual(before);
    expect(await uninstall()).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('nothing takes archives'),
    });
  });

  it('sends the log for ever and takes a base backup each week, where that is asked for, and takes it all back', async () => {
    const before = tree();
    const refused = await installHere('--pitr', 'receive', '--container', 'db');
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--pitr ship') });
    expect(await installHere('--pitr', 'ship')).toMatchObject({ exitCode: 2 });
    const folder = join(root, 'wal');
    const done = await install('--pitr', 'ship', '--wal-dir', folder, '--container', 'db');
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    const units = join(root, 'etc/systemd/system');
    expect(readFileSync(join(units, 'offsite-wal.service'), 'utf8')).toMatch(
      new RegExp(`ExecStart=:${bin} wal ship --dir ${folder} --follow\n[^]*ReadWritePaths=-${folder}\n`),
    );
    expect(readFileSync(join(units, 'offsite-basebackup.timer'), 'utf8')).toContain(
      'OnCalendar=Sun *-*-* 03:15:00\n',
    );
    for (const link of [
      'multi-user.target.wants/offsite-wal.service',
      'timers.target.wants/offsite-basebackup.timer',
    ])
      expect(lstatSync(join(units, link)).isSymbolicLink()).toBe(true);
    const back = await uninstall();
    expect(back.stdout.match(/^removed/gm)).toHaveLength(6);
    expect(tree()).toEqual(before);
  });

  it("a guard's timer is one of its own, asks first whether anybody would hear, and is taken back whole", async () => {
    const before = tree();
    const args = ['install', '--guard', '--root', root];
    // Where no archive was ever taken.
    const elsewhere = { XDG_STATE_HOME: join(folder, 'elsewhere') };
    const deaf = await offsiteHere(args, environment(elsewhere));
    expect(deaf).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('nobody would hear') });
    expect(tree()).toEqual(before);
    const ways = { OFFSITE_SMTP_URL: 'smtps://me:secret-word@mail.example', OFFSITE_EMAIL: 'op@example.com' };
    const done = await offsite(args, { ...elsewhere, ...ways });
    expect(done).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('set pingUrl') });
    expect(done.stdout).toContain('journalctl -u offsite-guard\n');
    const kept = join(root, 'etc/offsite/offsite-guard.env');
    expect(parseEnvironment(readFileSync(kept, 'utf8'))).toMatchObject(ways);
    const units = readdirSync(join(root, 'etc/systemd/system'), { withFileTypes: true });
    expect(
      units
        .filter((one) => one.isFile())
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['offsite-guard.service', 'offsite-guard.timer']);
    expect(await offsite(['uninstall', '--guard', '--root', root])).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(tree()).toEqual(before);
  });

  it('keeps what a person has changed, and names it, both ways', async () => {
    await install();
    writeFileSync(unit(), `${readFileSync(unit(), 'utf8')}Nice=19\n`);
    const mine = readFileSync(unit(), 'utf8');
    const again = await install('--at', '5:00');
    expect(again.exitCode).toBe(0);
    expect(again.stderr).toContain(`${unit()} was changed by hand`);
    const back = await uninstall();
    expect(back.stdout).toContain(`kept       ${unit()}`);
    expect(readFileSync(unit(), 'utf8')).toBe(mine);
    expect(tree().filter((line) => line.includes('offsite'))).toHaveLength(1);
  });

  it('touches nothing where a file is not its own', async () => {
    writeFileSync(join(root, 'etc/systemd/system/offsite.timer'), '[Timer]\n');
    const before = tree();
    const { exitCode, stderr } = await install();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('offsite.timer is there already');
    expect(tree()).toEqual(before);
    await uninstall();
    expect(tree()).toEqual(before);
  });

  it('refuses a second way, and leaves no half where systemd refuses', async () => {
    await install();
    const twice = await installHere('--with', 'cron');
    expect(twice).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('taken every night already'),
    });
    await uninstall();
    const before = tree();
    writeFileSync(join(folder, 'systemctl'), '#!/bin/sh\necho "Unit is masked." >&2; exit 1\n', {
      mode: 0o755,
    });
    const refused = await offsite(['install', '--root', root], { PATH: `${folder}:${process.env.PATH}` });
    expect(refused).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/\[INSTALL_FAILED\](.|\n)*Unit is masked/),
    });
    expect(tree()).toEqual(before);
  });

  it('where systemd refuses another time, the first one stays whole', async () => {
    await install();
    const before = tree();
    const refused = await offsite(['install', '--root', root, '--at', '5:55'], {
      PATH: `${folder}:${process.env.PATH}`,
    });
    expect(refused.exitCode).toBe(1);
    expect(tree()).toEqual(before);
  });

  it('mends modes, and takes away a timer that was changed by hand', async () => {
    await install();
    const before = tree();
    chmodSync(variables(), 0o644);
    await install();
    expect(tree()).toEqual(before);
    const timer = join(root, 'etc/systemd/system/offsite.timer');
    writeFileSync(timer, `${readFileSync(timer, 'utf8')}# mine\n`);
    const back = await uninstall();
    expect(back.stdout).toContain(`kept       ${timer}`);
    expect(tree().filter((line) => /offsite/.test(line))).toHaveLength(1);
  });

  it('remembers files by their whole names, the home of whoever became root, and takes no password in a unit', async () => {
    const home = mkdtempSync(join(folder, 'home '));
    await offsite(['install', '--root', root, '--metrics-file', 'node exporter/x.prom'], {
      HOME: home,
      PGPASSFILE: 'pass',
    });
    expect(parseEnvironment(readFileSync(variables(), 'utf8'))).toMatchObject({
      HOME: home,
      PGPASSFILE: join(root, 'pass'),
      OFFSITE_METRICS_FILE: join(root, 'node exporter/x.prom'),
    });
    expect(readFileSync(unit(), 'utf8')).toContain(`ReadWritePaths="-${root}/node exporter"\n`);
    await uninstall();
    const before = tree();
    const secret = await installHere('--', 'sh', '-c', 'PGPASSWORD=hunter2 pg_dump');
    expect(secret).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('without a password') });
    expect(secret.stderr).not.toContain('hunter2');
    expect(tree()).toEqual(before);
  });

  it('archives the dashboard’s database, too, where that is asked for and named', async () => {
    const unnamed = await installHere('--sidecar');
    expect(unnamed).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('OFFSITE_SIDECAR_PATH') });
    await offsite(['install', '--root', root, '--sidecar'], { OFFSITE_SIDECAR_PATH: '/srv/ui.db' });
    expect(readFileSync(unit(), 'utf8')).toContain(`ExecStart=:${bin} sidecar backup\n`);
    expect(readFileSync(unit(), 'utf8')).toContain('ReadWritePaths=-/srv\n');
  });

  it('gives each source units of its own', async () => {
    await install();
    const other = await install('--source', 'other');
    expect(other.stdout).toContain('journalctl -u offsite-other\n');
    await uninstall('--source', 'other');
    expect(tree().some((line) => line.startsWith('etc/systemd/system/offsite.timer'))).toBe(true);
  });
});

describe('bad input', () => {
  it.each<[string[], string]>([
    [['--at', '25:00'], 'no time of day'],
    [['--with', 'windows'], 'Allowed choices are systemd, cron, compose'],
    ...(isRoot ? [[['--with', 'cron', '--at', '3:15'], 'cron has one time'] as [string[], string]] : []),
    [['--user', '--with', 'cron'], '--user is for systemd alone'],
    [['--random-delay', 'soon'], '--random-delay is not a duration'],
    [['--bucket', 's3://vault'], 'bucket'],
  ])('%j', async (args, said) => {
    const before = tree();
    const { exitCode, stderr } = await installHere(...args);
    expect(stderr).toContain(said);
    expect(exitCode).toBe(2);
    expect(tree()).toEqual(before);
  });

  it.skipIf(!isRoot || !hasProgram('setpriv'))(
    'a user who is not root is told of --user, and may have that',
    async () => {
      const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', bin, 'install', '--root', root];
      const options = {
        env: environment({ XDG_CONFIG_HOME: '/config' }),
        extendEnv: false,
        reject: false,
      } as const;
      const { exitCode, stderr } = await execa('setpriv', [...asNobody, '--with', 'systemd'], options);
      if (stderr.includes('Permission denied')) return;
      expect(stderr).toContain('offsite install --user');
      expect(exitCode).toBe(2);
      if (!hasSystemd) return;
      chmodSync(root, 0o777);
      const own = await execa('setpriv', [...asNobody, '--user', '--print'], options);
      expect(own.stdout).toContain(`${root}/config/systemd/user/offsite.timer`);
      await install('--with', 'systemd');
      const second = await execa('setpriv', [...asNobody, '--user'], options);
      expect(second.stderr).toContain('taken every night already');
    },
  );
});

describe('what it installs', () => {
  let postgres: ThrowawayPostgres;
  let server: Record<string, string>;
  beforeAll(async () => {
    postgres = await startThrowawayPostgres({});
    await query(
      postgres.connection,
      'CREATE TABLE torrents (id int PRIMARY KEY); INSERT INTO torrents VALUES (1)',
    );
    server = postgres.connection.via === 'server' ? { ...postgres.connection.env } : {};
  });
  afterAll(() => postgres?.stop());

  it.skipIf(!hasSystemd)(
    'the unit’s own line, with nothing but its own file of variables, takes an archive',
    async () => {
      await offsite(['install', '--root', root, '--with', 'systemd'], server);
      const service = readFileSync(join(root, 'etc/systemd/system/offsite.service'), 'utf8');
      const [, line = ''] = /^ExecStart=:(.*)$/m.exec(service) ?? [];
      expect(/^EnvironmentFile=(.*)$/m.exec(service)?.[1]).toBe('/etc/offsite/offsite.env');
      const env = parseEnvironment(readFileSync(join(root, 'etc/offsite/offsite.env'), 'utf8'));
      const [program = '', ...args] = line.split(' ');
      const { exitCode, stderr } = await execa(program, args, {
        env: { ...env, XDG_STATE_HOME: root },
        extendEnv: false,
        reject: false,
        cwd: '/',
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(committed(stub)).toHaveLength(1);
    },
  );

  it.skipIf(!isRoot || !hasProgram('run-parts') || !hasProgram('unshare'))(
    'run-parts, as cron has it run, takes an archive; a failure is mailed; nothing remains',
    async () => {
      // A host of its own: what is below /etc and /var/log is seen, and changed, by this shell alone.
      const script = `
        set -e
        cp -a /etc ${root}/own-etc; rm -rf ${root}/own-etc/cron.daily; mkdir ${root}/own-etc/cron.daily ${root}/log
        mount --bind ${root}/own-etc /etc; mount --bind ${root}/log /var/log
        find /etc | sort > ${root}/before
        ${bin} install --with cron > ${root}/installed
        run-parts --test /etc/cron.daily
        env -i PATH=/usr/bin:/bin run-parts --report /etc/cron.daily
        echo "--- then:"
        echo 'PGPORT="1"' >> /etc/offsite/offsite.env
        env -i PATH=/usr/bin:/bin run-parts --report /etc/cron.daily 2>&1 || true
        ${bin} uninstall > ${root}/uninstalled 2>&1
        rm -rf /etc/offsite
        find /etc | sort | diff ${root}/before -`;
      const { stdout, stderr, exitCode } = await execa('unshare', ['-m', 'bash', '-c', script], {
        env: environment({ ...server, XDG_STATE_HOME: root }),
        extendEnv: false,
        reject: false,
      });
      expect(stderr).toBe('');
      expect(exitCode).toBe(0);
      const [first = '', second = ''] = stdout.split('--- then:\n');
      expect(first.trim()).toBe('/etc/cron.daily/bitagent-backup');
      expect(committed(stub)).toHaveLength(1);
      expect(second).toContain(
        'the back-up of bitagent ended with exit code 3; the last of /var/log/offsite.log:',
      );
      expect(second).toContain('[DATABASE_UNREACHABLE]');
      expect(readFileSync(join(root, 'uninstalled'), 'utf8')).toMatch(
        /kept .*offsite.env\n(.*\n)?removed .*bitagent-backup/,
      );
      expect(readFileSync(join(root, 'log/offsite.log'), 'utf8')).toMatch(/^\d{4}-.*\nbitagent-\S+ {2}/);
    },
  );

  it('a Compose service goes where one stands, and away again', async () => {
    writeFileSync(join(root, 'docker-compose.yml'), 'services: {}\n');
    const done = await offsite(['install', '--with', 'compose', '--root', root, '--at', '3:00 UTC'], server);
    const line = (own: string) => `docker compose -f docker-compose.yml -f ${own} up -d offsite`;
    expect(done).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining(line(join(root, 'compose.offsite.yaml'))),
    });
    const compose = readFileSync(join(root, 'compose.offsite.yaml'), 'utf8');
    expect(compose).toContain(`# ${line('compose.offsite.yaml')}\n`);
    expect(compose).toContain('env_file: offsite.env');
    expect(compose).not.toContain('testing');
    expect(compose).toContain(
      server.PGHOST?.startsWith('/') || server.PGHOST === '127.0.0.1' ? 'network_mode: host' : 'image',
    );
    await offsite(['uninstall', '--root', root]);
    expect(readdirSync(root)).toEqual(['docker-compose.yml', 'etc']);
  });

  it('a Compose service sees what its variables name, and needs no settings file of the host', async () => {
    const config = join(root, 'etc/own.yaml');
    writeFileSync(config, 'bucket: of-the-file\n', { mode: 0o600 });
    mkdirSync(join(root, '.aws'));
    writeFileSync(join(root, '.aws/config'), '[profile agent]\nregion = eu-central-1\n');
    const { OFFSITE_BUCKET: _, ...others } = environment({
      ...server,
      PGPASSFILE: '/etc/own.pgpass',
      OFFSITE_PROFILE: 'agent',
      HOME: root,
    });
    const args = ['install', '--with', 'compose', '--print', '--config', config];
    const { stdout } = await execa(bin, args, { env: others, extendEnv: false, cwd: root });
    const [variables = '', compose = ''] = stdout.split('compose.offsite.yaml (mode');
    expect(variables).toMatch(/^OFFSITE_BUCKET=/m);
    expect(variables).not.toContain('OFFSITE_CONFIG');
    for (const mount of ['/etc/own.pgpass:/etc/own.pgpass:ro', `${root}/.aws:/root/.aws:ro`])
      expect(compose).toContain(`- "${mount}"`);
    // A clone has its own Node, and a package goes by the host's.
    const ownNode = process.execPath.startsWith(join(bin, '..', '..'));
    expect(compose.includes(':/usr/local/bin/node:ro')).toBe(!ownNode);
  });
});
