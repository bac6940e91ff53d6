// systemd's units: a service that takes an archive, and the timer that starts it.

import { type Installation, isGuard, linesOf, logLineOf } from './installation.ts';

/** @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html */
export function serviceText(installation: Installation, environment: string): string {
  return runText(installation, environment, 'Nightly archive', linesOf(installation));
}

/** Of what a timer starts. */
function runText(installation: Installation, environment: string, what: string, lines: string[][]): string {
  return `${headText(installation, environment, what, 'Type=oneshot')}
${lines.map(startLine).join('\n')}
# ${isGuard(installation) ? 'A restore test takes as long as it takes; it has a limit of its own.' : 'A dump takes as long as it takes; --stall-timeout and --patience are its limits.'}
TimeoutStartSec=infinity
${tailText(installation)}`;
}

export function baseBackupServiceText(installation: Installation, environment: string): string {
  const lines = [[installation.program, 'basebackup', '--quiet']];
  return runText(installation, environment, 'Weekly base backup', lines);
}

/** Of what runs for ever: whatever ends it, it begins again. */
export function logServiceText(installation: Installation, environment: string): string {
  return `${headText(installation, environment, 'Log', 'Type=exec\nRestart=always\nRestartSec=30', 'StartLimitIntervalSec=0\n')}
${startLine(logLineOf(installation))}
${tailText(installation)}
[Install]
WantedBy=${installation.forUser ? 'default' : 'multi-user'}.target
`;
}

const startLine = (words: readonly string[]) => `ExecStart=:${words.map(systemdWord).join(' ')}`;

function headText(
  { source, forUser }: Installation,
  environment: string,
  what: string,
  kind: string,
  unit = '',
): string {
  const order = forUser
    ? ''
    : 'Wants=network-online.target\nAfter=network-online.target docker.service postgresql.service\n';
  return `[Unit]
Description=${descriptionOf(source, what)}
${order}${unit}
[Service]
${kind}
EnvironmentFile=${environment.replaceAll('%', '%%')}`;
}

function tailText(installation: Installation): string {
  return `# The agent ends what it began; 4 s are enough for it.
KillMode=mixed
TimeoutStopSec=30
Nice=10
UMask=0077
${hardening(installation).join('\n')}
`;
}

function descriptionOf(source: string, what: string): string {
  return isGuard({ source })
    ? 'Guard of a vault: it verifies, expires, watches, tests, tells'
    : `${what} of ${source}, off this host`;
}

function hardening({ source, forUser, command, writes, needsTmp }: Installation): string[] {
  const ownPrivileges = ['NoNewPrivileges=yes'];
  const always = ['LockPersonality=yes', 'RestrictRealtime=yes', 'SystemCallArchitectures=native'];
  // A user's systemd may not lay file systems over others everywhere.
  if (forUser) return command.length > 0 ? [] : [...ownPrivileges, ...always];
  const kernel = ['KernelTunables', 'KernelModules', 'KernelLogs', 'ControlGroups', 'Clock', 'Hostname'];
  const system = [
    'StateDirectory=offsite',
    'CacheDirectory=offsite',
    'Environment=XDG_CACHE_HOME=/var/cache',
    // A restored database is larger than a /tmp that is memory.
    ...(isGuard({ source }) ? ['Environment=TMPDIR=/var/tmp'] : []),
    ...(needsTmp ? ["# The server's socket is in /tmp.", 'PrivateTmp=no'] : ['PrivateTmp=yes']),
    ...kernel.map((what) => `Protect${what}=yes`),
    ...always,
  ];
  // Someone else's program: sudo wants new privileges, ssh notes hosts in its home.
  if (command.length > 0) return ['ProtectSystem=full', ...system];
  return [
    'ProtectSystem=strict',
    ...writes.map((folder) => `ReadWritePaths=${systemdWord(`-${folder}`)}`),
    // Profiles of AWS and password files are read there.
    'ProtectHome=read-only',
    ...system,
    ...ownPrivileges,
    'PrivateDevices=yes',
    'RestrictNamespaces=yes',
    'RestrictSUIDSGID=yes',
    // Docker's socket, the network, and how names and interfaces are asked for.
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  ];
}

export function timerText(installation: Installation): string {
  return calendarText(installation, 'Nightly archive', '');
}

export function baseBackupTimerText(installation: Installation): string {
  return calendarText(installation, 'Weekly base backup', 'Sun ');
}

function calendarText({ source, at, randomDelayMs }: Installation, what: string, day: string): string {
  return `[Unit]
Description=${descriptionOf(source, what)}

[Timer]
OnCalendar=${isGuard({ source }) ? 'hourly' : `${day}*-*-* ${at.clock}:00${at.isUtc ? ' UTC' : ''}`}
# Made up for when the host was off.
Persistent=true
RandomizedDelaySec=${Math.round(randomDelayMs / 1000)}

[Install]
WantedBy=timers.target
`;
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** No specifier, no escape; of variables, the colon before the line says that there are none. */
function systemdWord(word: string): string {
  const plain = word.replaceAll('%', '%%');
  if (/^[\w@%+=:,./-]+$/.test(plain)) return plain;
  return `"${plain.replace(/[\\"]/g, '\\$&').replace(/[\n\r\t]/g, (one) => escapes[one] as string)}"`;
}
