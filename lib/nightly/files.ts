// What runs the agent every night, as text: a timer and its service, a script of cron's, a service of Compose's.

import { shellWord } from '../base/shell-word.ts';
import { environmentText, type Variables } from './environment.ts';
import { marked } from './marked.ts';
import type { TimeOfDay } from './time-of-day.ts';

export type Way = 'systemd' | 'cron' | 'compose';

/** All that decides what is written. */
export type Installation = {
  readonly way: Way;
  readonly source: string;
  /** Of one user's own systemd. */
  readonly forUser: boolean;
  /** `bin/offsite`, from the root. */
  readonly program: string;
  /** The dump, where a command takes it. */
  readonly command: readonly string[];
  readonly at: TimeOfDay;
  readonly randomDelayMs: number;
  readonly variables: Variables;
  /** What the paths of files are below, and their texts know nothing of. */
  readonly root: string;
  /** Of units, or of Compose's files. */
  readonly folder: string;
  /** Where the variables are kept; ends with the program's own name. */
  readonly ownFolder: string;
  /** Folders besides its own that it writes to. */
  readonly writes: readonly string[];
  /** Whether the server's socket is in /tmp. */
  readonly needsTmp: boolean;
  /** Whether Docker is asked for the dump. */
  readonly needsDocker: boolean;
  /** Whether the server is one of this host's. */
  readonly isLocal: boolean;
  readonly timeZone: string;
};

export type PlannedFile = {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
  readonly holdsSecrets?: boolean;
};

/** The name of units and files: the usual source needs no other. */
export function nameOf(source: string): string {
  return source === 'bitagent' ? 'offsite' : `offsite-${source}`;
}

/** Where everything that one way writes lies. */
export function pathsOf({
  way,
  source,
  folder,
  ownFolder,
}: Pick<Installation, 'way' | 'source' | 'folder' | 'ownFolder'>) {
  const name = nameOf(source);
  const environment = `${way === 'compose' ? folder : ownFolder}/${name}.env`;
  const scripts = {
    systemd: [`${folder}/${name}.service`, `${folder}/${name}.timer`],
    // run-parts takes no name with a dot in it.
    cron: [`${folder}/bitagent-backup${source === 'bitagent' ? '' : `-${source}`}`],
    compose: [`${folder}/compose.${name}.yaml`],
  }[way];
  return { environment, scripts };
}

/** Everything that is written, in order: what starts a run comes last. */
export function filesOf(installation: Installation): PlannedFile[] {
  const { environment, scripts } = pathsOf(installation);
  const texts = {
    systemd: [serviceText, timerText],
    cron: [cronText],
    compose: [composeText],
  }[installation.way];
  const mode = installation.way === 'cron' ? 0o755 : 0o644;
  const inside = installation.root === '/' ? environment : environment.slice(installation.root.length);
  return [
    {
      path: environment,
      mode: 0o600,
      text: marked(environmentText(installation.variables)),
      holdsSecrets: true,
    },
    ...texts.map((text, index) => ({
      path: scripts[index] as string,
      mode,
      text: marked(text(installation, inside)),
    })),
  ];
}

/** @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html */
function serviceText(installation: Installation, environment: string): string {
  const { source, program, command, forUser } = installation;
  const order = forUser
    ? ''
    : 'Wants=network-online.target\nAfter=network-online.target docker.service postgresql.service\n';
  const words = [program, 'backup', ...(command.length > 0 ? ['--', ...command] : [])];
  return `[Unit]
Description=Nightly archive of ${source}, off this host
Documentation=https://github.com/bitagent/bitagent-offsite
${order}
[Service]
Type=oneshot
EnvironmentFile=${environment.replaceAll('%', '%%')}
ExecStart=${words.map(systemdWord).join(' ')}
# A dump takes as long as it takes; --stall-timeout and --patience are its limits.
TimeoutStartSec=infinity
# The agent ends what it began; 4 s are enough for it.
KillMode=mixed
TimeoutStopSec=30
Nice=10
UMask=0077
${hardening(installation).join('\n')}
`;
}

function hardening({ forUser, command, writes, needsTmp }: Installation): string[] {
  const ownPrivileges = ['NoNewPrivileges=yes'];
  const always = ['LockPersonality=yes', 'RestrictRealtime=yes', 'SystemCallArchitectures=native'];
  // A user's systemd may not lay file systems over others everywhere.
  if (forUser) return command.length > 0 ? [] : [...ownPrivileges, ...always];
  const kernel = ['KernelTunables', 'KernelModules', 'KernelLogs', 'ControlGroups', 'Clock', 'Hostname'];
  const system = [
    'StateDirectory=offsite',
    'CacheDirectory=offsite',
    'Environment=XDG_CACHE_HOME=/var/cache',
    ...(needsTmp ? ["# The server's socket is in /tmp.", 'PrivateTmp=no'] : ['PrivateTmp=yes']),
    ...kernel.map((what) => `Protect${what}=yes`),
    ...always,
  ];
  // Someone else's program: sudo wants new privileges, ssh notes hosts in its home.
  if (command.length > 0) return ['ProtectSystem=full', ...system];
  return [
    'ProtectSystem=strict',
    ...writes.map((folder) => `ReadWritePaths=-${folder.replaceAll('%', '%%')}`),
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

/** As ExecStart= takes it: no specifier, no variable. */
function systemdWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `"${plain.replace(/[\\"]/g, '\\$&')}"`;
}

function timerText({ source, at, randomDelayMs }: Installation): string {
  return `[Unit]
Description=Nightly archive of ${source}, off this host

[Timer]
OnCalendar=*-*-* ${at.clock}:00${at.isUtc ? ' UTC' : ''}
# Made up for when the host was off.
Persistent=true
RandomizedDelaySec=${Math.round(randomDelayMs / 1000)}

[Install]
WantedBy=timers.target
`;
}

function cronText({ program, command, source }: Installation, environment: string): string {
  const words = [program, 'backup', ...(command.length > 0 ? ['--', ...command] : [])];
  return `#!/bin/sh
# Takes the nightly archive of ${source}; what is printed is mailed by cron, so nothing is where all went well.
umask 077
set -a
. ${shellWord(environment)}
set +a
if command -v flock > /dev/null; then
  exec 9< "$0"
  flock -n 9 || { echo "offsite: the last run has not ended yet; see 'ps'" >&2; exit 1; }
fi
log=/var/log/${nameOf(source)}.log
( : >> "$log" ) 2> /dev/null || log=/dev/null
[ "$(wc -c < "$log")" -lt 1000000 ] || mv -f "$log" "$log.1"
date '+%F %T %Z' >> "$log"
${words.map(shellWord).join(' ')} >> "$log" 2>&1 9<&- && exit 0
code=$?
echo "offsite: the back-up of ${source} ended with exit code $code; the last of $log:" >&2
tail -n 20 "$log" >&2
exit "$code"
`;
}

/** Compose has no timer: the service sleeps until the time has come. */
function composeText(installation: Installation): string {
  const { source, program, command, at, needsDocker, isLocal, timeZone } = installation;
  const root = program.replace(/\/bin\/offsite$/, '');
  const name = nameOf(source);
  const words = [program, 'backup', ...(command.length > 0 ? ['--', ...command] : [])]
    .map(shellWord)
    .join(' ');
  const zone = at.isUtc ? 'UTC' : timeZone;
  const volumes = [
    `${root}:${root}:ro`,
    'offsite-state:/var/lib/offsite',
    ...(needsDocker
      ? ['/var/run/docker.sock:/var/run/docker.sock', '/usr/bin/docker:/usr/bin/docker:ro']
      : []),
  ];
  return `# docker compose -f compose.yaml -f compose.${name}.yaml up -d ${name}
services:
  ${name}:
    # Its pg_dump must be of the server's major version, or newer.
    image: postgres:16
    init: true
    restart: unless-stopped
${isLocal ? '    # The server is one of the host.\n    network_mode: host\n' : ''}    env_file: ${name}.env
    environment:
      TZ: ${JSON.stringify(zone)}
    volumes:
${volumes.map((one) => `      - ${JSON.stringify(one.replaceAll('$', '$$$$'))}`).join('\n')}
    entrypoint: ["sh", "-c"]
    command:
      - |
        while :; do
          now=$$(date +%s)
          next=$$(date -d '${at.clock}' +%s)
          [ "$$next" -gt "$$now" ] || next=$$(date -d 'tomorrow ${at.clock}' +%s)
          sleep "$$((next - now))"
          ${words.replaceAll('$', '$$$$')} || echo "offsite: exit code $$?" >&2
        done
volumes:
  offsite-state:
`;
}
