import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { environmentText, parseEnvironment, variablesOf } from '../../lib/nightly/environment.ts';
import { filesOf } from '../../lib/nightly/files.ts';
import { guardName, type Installation } from '../../lib/nightly/installation.ts';
import { foundOf, marked } from '../../lib/nightly/marked.ts';
import { parseTimeOfDay } from '../../lib/nightly/time-of-day.ts';
import { bin } from '../fixtures/agent.ts';
import { hasProgram } from '../fixtures/docker-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const oddCommand = ['sh', '-c', `echo "$HOME" 100% 'it''s' \\\n  && pg_dump ;`, ''];
const installation: Installation = {
  way: 'systemd',
  source: 'bitagent',
  forUser: false,
  program: bin,
  command: [],
  withSidecar: false,
  at: { clock: '03:15', isUtc: true },
  randomDelayMs: 900_000,
  variables: { OFFSITE_BUCKET: 'vault', AWS_SECRET_ACCESS_KEY: 'hunter2' },
  root: '/',
  folder,
  ownFolder: join(folder, 'offsite'),
  writes: ['/var/lib/node_exporter'],
  needsTmp: false,
  needsDocker: false,
  isLocal: false,
  timeZone: 'Europe/Berlin',
};

describe('a mark', () => {
  it('tells what was written from what a person made or changed, however little', () => {
    const text = fc.string({ unit: 'binary-ascii' }).map((some) => `${some}\n`);
    fc.assert(
      fc.property(text, fc.boolean(), fc.nat(), (some, isScript, where) => {
        const ours = marked(isScript ? `#!/bin/sh\n${some}` : some);
        expect(foundOf(ours)).toBe('ours');
        expect(foundOf(ours, ours)).toBe('same');
        const at = where % (ours.length + 1);
        expect(foundOf(`${ours.slice(0, at)}x${ours.slice(at)}`)).toMatch(/changed|foreign/);
      }),
    );
    expect(foundOf(undefined)).toBe('absent');
    expect(foundOf('[Unit]\n')).toBe('foreign');
  });
});

describe('variables', () => {
  it('are those of the agent, the SDK, libpq, docker and proxies, and no other', () => {
    const kept = { OFFSITE_BUCKET: 'v', AWS_PROFILE: 'p', PGHOST: 'h', DOCKER_HOST: 'd', https_proxy: 'x' };
    expect(
      variablesOf({
        ...kept,
        OFFSITE_NOHUP: '1',
        OFFSITE_NO_STDOUT: '1',
        TERM: 'xterm',
        SECRET: 's',
        PGUSER: '',
      }),
    ).toEqual(kept);
  });

  it('come back from a shell as they were, and from our own reader', () => {
    const value = fc.string({ unit: fc.constantFrom(...`ab "'\\$\`#%;&|<>*~=ö`) });
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('PGPASSWORD', 'AWS_X', 'OFFSITE_Y'), value), (variables) => {
        const text = environmentText(variables);
        expect(parseEnvironment(text)).toEqual({ ...variables });
        const script = `${text}${Object.keys(variables)
          .map((name) => `printf '%s\\0' "$${name}"\n`)
          .join('')}`;
        const said = execFileSync('sh', ['-c', script]).toString().split('\0').slice(0, -1);
        expect(said).toEqual(Object.values(variables));
      }),
      { numRuns: 40 },
    );
    expect(() => environmentText({ PGPASSWORD: 'a\nb' })).toThrow('PGPASSWORD cannot be kept');
  });
});

const composes = [['docker', 'compose'], ['docker-compose']].filter(
  ([program = '', ...args]) => spawnSync(program, [...args, 'version']).status === 0,
);
if (composes.length === 0) console.warn('SKIPPED: there is no Compose, so nobody reads its files');

describe.each(composes.map((words) => ({ words })))(
  'what $words reads',
  ({ words: [program = '', ...args] }) => {
    it('is each variable as it was, and each word of the dump', () => {
      const home = mkdtempSync(join(folder, 'compose '));
      const variables = {
        // Not with ${…}, which the first Compose fills in wherever it stands.
        PGPASSWORD: 'a$b$$c`e`"f"#g h',
        AWS_SECRET_ACCESS_KEY: 'a/b+c=',
        AWS_PROFILE: "o'clock \\ back",
      };
      const way = {
        way: 'compose',
        folder: home,
        command: oddCommand,
        variables,
        withSidecar: true,
      } as const;
      for (const { path, text } of filesOf({ ...installation, ...way })) writeFileSync(path, text);
      const said = spawnSync(program, [...args, '-f', join(home, 'compose.offsite.yaml'), 'config']);
      expect(said.stderr.toString()).toBe('');
      const { services } = parseYaml(said.stdout.toString()) as {
        services: {
          offsite: { environment: Record<string, string>; entrypoint: string[]; command: string[] };
        };
      };
      const plain = (text: string) => text.replaceAll('$$', '$');
      const { environment, entrypoint, command } = services.offsite;
      const found = Object.entries(environment).map(([name, value]) => [name, plain(value)]);
      expect(Object.fromEntries(found)).toMatchObject(variables);
      expect(entrypoint).toEqual([bin]);
      expect(command.map(plain)).toEqual([
        ...['nightly', '--at', installation.at.clock, '--sidecar', '--'],
        ...oddCommand,
      ]);
    });
  },
);

describe('a time of day', () => {
  it.each([
    ['3:15', '03:15', false],
    ['03:15', '03:15', false],
    ['23:59 UTC', '23:59', true],
    ['00:00Z', '00:00', true],
  ])('%s', (text, clock, isUtc) => expect(parseTimeOfDay(text)).toEqual({ clock, isUtc }));

  it.each(['25:00', '24:00', '03:60', '3', '', 'noon', '03:15:00', '03:15 CET', '-1:00', '03:15+02:00'])(
    '%j is none',
    (text) => expect(() => parseTimeOfDay(text)).toThrow('no time of day'),
  );
});

const canVerify = hasProgram('systemd-analyze');
if (!canVerify) console.warn('SKIPPED: there is no systemd-analyze, so nobody looks at the units');

describe('the units', () => {
  it('hold no secret, and start the program that installed them', () => {
    const [environment, service, timer] = filesOf(installation);
    expect(environment).toMatchObject({
      mode: 0o600,
      holdsSecrets: true,
      path: join(folder, 'offsite/offsite.env'),
    });
    expect(service?.text).toContain(`\nExecStart=:${bin} backup\n`);
    expect(timer?.text).toMatch(
      /OnCalendar=\*-\*-\* 03:15:00 UTC\n.*\nPersistent=true\nRandomizedDelaySec=900\n/,
    );
    for (const file of [service, timer]) expect(file?.text).not.toContain('hunter2');
  });

  it.skipIf(!canVerify).each<[string, Partial<Installation>]>([
    ['of the host', {}],
    ['of a command', { command: oddCommand }],
    ['of folders with spaces and per cents', { writes: ['/var/lib/node exporter/100%'], withSidecar: true }],
    ['of a user', { forUser: true }],
    ['of another source, whose server is in /tmp', { source: 'other', needsTmp: true }],
    ['of the log that is received', { log: { way: 'receive', folder: undefined } }],
    ['of the log in a folder, of a user', { forUser: true, log: { way: 'ship', folder: '/wal 100%' } }],
    ['of a guard', { source: guardName }],
  ])('%s are what systemd takes, to the word', (_, change) => {
    const files = filesOf({ ...installation, ...change }).slice(1);
    for (const { path, text } of files) writeFileSync(path, text);
    const { stderr, status } = spawnSync(
      'systemd-analyze',
      [...(change.forUser ? ['--user'] : []), 'verify', ...files.map(({ path }) => path)],
      { env: { ...process.env, XDG_RUNTIME_DIR: folder } },
    );
    const ours = stderr
      .toString()
      .split('\n')
      .filter((line) => /offsite/.test(line));
    expect({ ours, status }).toEqual({ ours: [], status: 0 });
  });

  it.skipIf(!hasProgram('systemd-analyze'))('are of the exposure that their work asks for', () => {
    const [, service] = filesOf(installation);
    writeFileSync(service?.path ?? '', service?.text ?? '');
    const { stdout } = spawnSync('systemd-analyze', [
      'security',
      '--offline=true',
      '--no-pager',
      service?.path ?? '',
    ]);
    // 9.6 is a unit without a word of it.
    const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(stdout.toString())?.[1] ?? 10);
    if (stdout.length > 0) expect(exposure).toBeLessThan(6);
  });
});

describe('a guard', () => {
  it('runs every hour, its own command alone, with room for a restored database', () => {
    const [, service, timer] = filesOf({ ...installation, source: guardName, command: oddCommand });
    expect(service?.text.match(/^ExecStart=.*/gm)).toEqual([`ExecStart=:${bin} guard`]);
    expect(timer?.text).toContain('OnCalendar=hourly\n');
    const alone = filesOf({ ...installation, source: guardName })[1];
    expect(alone?.text).toContain('Environment=TMPDIR=/var/tmp\n');
    const [, compose] = filesOf({ ...installation, way: 'compose', source: guardName });
    const { services } = parseYaml(compose?.text ?? '');
    expect(services['offsite-guard'].command.slice(1)).toEqual(['offsite', `${bin} guard`]);
    expect(services['offsite-guard'].command[0]).toContain('sleep 3600');
  });
});

describe('the script of cron', () => {
  it.each(['bitagent', guardName])(
    'is one that a plain sh and run-parts take, whatever the command: %s',
    (source) => {
      const script = filesOf({ ...installation, way: 'cron', source, command: oddCommand })[1];
      writeFileSync(script?.path ?? '', script?.text ?? '', { mode: 0o755 });
      expect(spawnSync('sh', ['-n', script?.path ?? '']).stderr.toString()).toBe('');
      expect(script?.path.slice(folder.length)).toMatch(/^\/[A-Za-z0-9_-]+$/);
    },
  );
});
