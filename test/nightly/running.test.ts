// What `offsite install` writes, run by a real systemd as process 1, by a real cron daemon and by a real anacron.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { query } from '../../lib/postgres/programs.ts';
import { startThrowawayPostgres, type ThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { bin, committed, storeEnvironment } from '../fixtures/agent.ts';
import { until } from '../fixtures/events.ts';
import { type S3Stub, startS3Stub } from '../fixtures/s3-stub.ts';
import { canRunSystemd, type SystemdHost, startSystemdHost } from '../fixtures/systemd-host.ts';
import { startReceiver } from '../fixtures/web-receiver.ts';

// Units have a /tmp of their own.
const canRun = canRunSystemd && !bin.startsWith('/tmp/');
if (!canRun) console.warn('SKIPPED: systemd cannot run here, or not what lies in /tmp, so no timer fires');

describe.skipIf(!canRun)('on a running host', () => {
  let host: SystemdHost;
  let stub: S3Stub;
  let postgres: ThrowawayPostgres;
  let env: Record<string, string>;
  beforeAll(async () => {
    [host, stub, postgres] = await Promise.all([
      startSystemdHost(),
      startS3Stub(),
      startThrowawayPostgres({}),
    ]);
    await query(postgres.connection, 'CREATE TABLE torrents (id int PRIMARY KEY)');
    const server = postgres.connection.via === 'server' ? postgres.connection.env : {};
    env = { ...storeEnvironment(stub), ...(server as Record<string, string>) };
  });
  afterAll(async () => {
    await host?.stop();
    await postgres?.stop();
    await stub?.stop();
  });

  const offsite = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await host.run([bin, ...args], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  const said = async (...command: string[]) => (await host.run(command)).stdout;
  const show = (unit: string, property: string) => said('systemctl', 'show', unit, '-P', property);
  const files = () =>
    said(
      'find',
      '/etc/systemd',
      '/etc/offsite',
      '/etc/cron.daily',
      '/var/lib/systemd/timers',
      '-not',
      '-type',
      'd',
    );
  const archives = () => committed(stub).length;
  const ended = (unit: string) =>
    until(`${unit} has ended`, async () => /^(inactive|failed)$/.test(await show(unit, 'ActiveState')));

  // Before any archive is taken here: a host that takes them is no guard.
  it('its guard runs by a timer of its own, the journal has what it saw, and all of it goes away', async () => {
    const web = await startReceiver();
    try {
      const told = {
        OFFSITE_WEBHOOK_URL: `${web.url}/told`,
        OFFSITE_PING_URL: `${web.url}/ping`,
        // The machine's files are seen here, too: what an agent of its own has left is none of this host's.
        XDG_STATE_HOME: '/run/guard',
      };
      const before = await files();
      const installed = await host.run([bin, 'install', '--guard', '--random-delay', '0'], {
        ...storeEnvironment(stub),
        ...told,
      });
      expect(installed).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await show('offsite-guard.timer', 'ActiveState')).toBe('active');
      expect(await show('offsite-guard.timer', 'NextElapseUSecRealtime')).not.toBe('');
      // An hour that the machine was off is made up for.
      await said('systemctl', 'stop', 'offsite-guard.timer');
      await said('touch', '-d', '2 days ago', '/var/lib/systemd/timers/stamp-offsite-guard.timer');
      await said('systemctl', 'start', 'offsite-guard.timer');
      await until('the timer has the guard run', () => web.received.length > 0);
      await ended('offsite-guard.service');
      expect(await show('offsite-guard.service', 'Result')).toBe('success');
      expect(await said('journalctl', '-u', 'offsite-guard', '--no-pager')).toContain(
        'bitagent: no intact archive; watched for',
      );
      expect(web.received.map(({ path }) => path)).toEqual(['/ping/start', '/ping']);
      expect([...stub.bucket.objects.keys()]).toContain('watch/run/expire.json');
      await offsite('uninstall', '--guard');
      expect(await files()).toBe(before);
      stub.bucket.objects.clear();
    } finally {
      await web.stop();
    }
  });

  it('its timer makes up for a night that the host was off, the journal says so, and all of it goes away', async () => {
    const before = await files();
    await offsite('install', '--random-delay', '0');
    expect(await show('offsite.timer', 'ActiveState')).toBe('active');
    expect(await show('offsite.timer', 'UnitFileState')).toBe('enabled');
    const first = await show('offsite.timer', 'NextElapseUSecRealtime');
    // Nothing is made up for that was before it.
    expect(archives()).toBe(0);

    await said('systemctl', 'stop', 'offsite.timer');
    await said('touch', '-d', '2 days ago', '/var/lib/systemd/timers/stamp-offsite.timer');
    await said('systemctl', 'start', 'offsite.timer');
    await until('the timer has an archive taken', () => archives() === 1);
    await ended('offsite.service');
    expect(await show('offsite.service', 'Result')).toBe('success');
    expect(await said('journalctl', '-u', 'offsite', '--no-pager')).toContain(committed(stub)[0]?.id);

    // Another time holds at once.
    await offsite('install', '--random-delay', '0', '--at', '4:44 UTC');
    expect(await show('offsite.timer', 'NextElapseUSecRealtime')).not.toBe(first);
    expect(await show('offsite.timer', 'NextElapseUSecRealtime')).toContain('04:44:00');

    await said('sh', '-c', "echo 'PGPORT=1' >> /etc/offsite/offsite.env");
    await said('systemctl', 'start', 'offsite.service');
    expect(await show('offsite.service', 'Result')).toBe('exit-code');
    await said('sed', '-i', '$d', '/etc/offsite/offsite.env');
    await offsite('uninstall');
    expect(await files()).toBe(before);
    expect(await show('offsite.timer', 'LoadState')).toBe('not-found');
    expect(await said('systemctl', '--failed', '--no-legend')).toBe('');
  });

  it('systemd reads each word of a command as it was given', async () => {
    const words = ['a $HOME 100%', `"it's" \\ %h`, 'two\nlines', ';', '$$'];
    const script = 'printf "%s\\0" "$@" > /var/cache/offsite/words; exit 1';
    await offsite('install', '--', 'sh', '-c', script, 'sh', ...words);
    await said('systemctl', 'start', 'offsite.service');
    const read = await said('cat', '/var/cache/offsite/words');
    await offsite('uninstall');
    expect(read.split('\0').slice(0, -1)).toEqual(words);
  });

  it('a user’s own systemd takes an archive, and the user’s files are his', async () => {
    const [uid, home] = ['65534', '/tmp/home'];
    await said('install', '-d', '-m', '700', '-o', uid, '-g', uid, home, '/run/user/65534');
    const own = {
      HOME: home,
      XDG_CONFIG_HOME: `${home}/.config`,
      XDG_STATE_HOME: `${home}/.state`,
      XDG_DATA_HOME: `${home}/.data`,
      XDG_RUNTIME_DIR: '/run/user/65534',
    };
    const properties = ['Delegate=yes', `User=${uid}`, `Group=${uid}`].flatMap((one) => ['-p', one]);
    const variables = Object.entries(own).map(([name, value]) => `--setenv=${name}=${value}`);
    const unit = 'manager-of-user.service';
    await said(
      'systemd-run',
      `--unit=${unit}`,
      ...properties,
      ...variables,
      '/usr/lib/systemd/systemd',
      '--user',
    );
    const as = (command: readonly string[], more = {}) =>
      host.run(['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', ...command], {
        ...own,
        ...more,
      });
    const isUp = () => as(['systemctl', '--user', 'is-active', 'default.target']);
    await until('the user’s systemd is up', async () => (await isUp()).stdout === 'active');

    const before = archives();
    const done = await as([bin, 'install', '--user'], env);
    expect(done).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await as(['systemctl', '--user', 'start', 'offsite.service'])).stderr).toBe('');
    expect(archives()).toBe(before + 1);
    const owners = await said('find', home, '/etc/offsite', '-type', 'f', '-not', '-uid', uid);
    expect(owners).toBe('');
    expect(await as([bin, 'uninstall'], env)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await said('find', `${home}/.config`, '-name', '*offsite*')).toBe('');
    await said('systemctl', 'stop', unit);
  });

  describe('with cron', () => {
    let debs: string;
    let hasCron = false;
    beforeAll(async () => {
      debs = mkdtempSync(join(tmpdir(), 'offsite-cron-'));
      await execa('apt-get', ['download', 'cron', 'anacron'], { cwd: debs, reject: false, timeout: 60_000 });
      hasCron = readdirSync(debs).length === 2;
      if (!hasCron)
        console.warn('SKIPPED: cron and anacron cannot be brought here, so neither runs the script');
      for (const name of hasCron ? readdirSync(debs) : [])
        await execa('dpkg', ['--fsys-tarfile', join(debs, name)]).pipe('tar', [
          '-x',
          '--keep-directory-symlink',
          '-C',
          host.root(),
        ]);
    });
    afterAll(() => rmSync(debs, { recursive: true, force: true }));

    it('its daemon runs the script, and anacron too, once a day', async (context) => {
      if (!hasCron) return context.skip();
      // As its package does when it is set up.
      await said('sh', '-c', 'rm -f /etc/cron.daily/* /etc/cron.d/*; echo crontab:x:998: >> /etc/group');
      const before = await files();
      await offsite('install', '--with', 'cron');
      const taken = archives();
      const daily = 'run-parts --report /etc/cron.daily';
      // As Debian's own line, but for its hour.
      await said('sh', '-c', `printf 'PATH=/usr/bin:/bin\\n@reboot root cd / && ${daily}\\n' > /etc/crontab`);
      await said('systemd-run', '--unit=daemon-of-cron.service', '/usr/sbin/cron', '-f');
      await until('cron has an archive taken', () => archives() === taken + 1);
      await until('its job has ended', async () => !(await said('ps', '-eo', 'args')).includes('run-parts'));
      await said('systemctl', 'stop', 'daemon-of-cron.service');

      await said(
        'sh',
        '-c',
        `printf '1 0 cron.daily ${daily}\\n' > /etc/anacrontab; mkdir -p /var/spool/anacron`,
      );
      const anacron = () => host.run(['anacron', '-d', '-s', '-n'], { SHELL: '/bin/sh' });
      await anacron();
      expect(archives()).toBe(taken + 2);
      await anacron();
      expect(archives()).toBe(taken + 2);

      await offsite('uninstall');
      expect(await files()).toBe(before);
    });
  });
});
