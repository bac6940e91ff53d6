// What runs the agent every night, as text: a timer and its service, a script of cron's, a service of Compose's.

import { composeFiles } from '../base/compose-files.ts';
import { shellWord } from '../base/shell-word.ts';
import { environmentText } from './environment.ts';
import { guardName, type Installation, isGuard, linesOf } from './installation.ts';
import { marked } from './marked.ts';
import {
  baseBackupServiceText,
  baseBackupTimerText,
  logServiceText,
  serviceText,
  timerText,
} from './systemd.ts';

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

/** systemd's units: what begins by itself comes last of each. */
export function unitsOf(source: string) {
  const name = nameOf(source);
  return {
    nightly: [`${name}.service`, `${name}.timer`],
    log: [`${name}-basebackup.service`, `${name}-basebackup.timer`, `${name}-wal.service`],
  } as const;
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
  const units = unitsOf(source);
  const scripts = {
    systemd: units.nightly.map((unit) => `${folder}/${unit}`),
    // run-parts takes no name with a dot in it.
    cron: [
      source === guardName
        ? `${folder}/${name}`
        : `${folder}/bitagent-backup${source === 'bitagent' ? '' : `-${source}`}`,
    ],
    compose: [`${folder}/compose.${name}.yaml`],
  }[way];
  return { environment, scripts, log: way === 'systemd' ? units.log.map((unit) => `${folder}/${unit}`) : [] };
}

/** Everything that is written, in order: what starts a run comes last. */
export function filesOf(installation: Installation): PlannedFile[] {
  const { environment, scripts, log } = pathsOf(installation);
  const texts = {
    systemd: [serviceText, timerText],
    cron: [cronText],
    compose: [composeText],
  }[installation.way];
  const logTexts =
    installation.log === undefined ? [] : [baseBackupServiceText, baseBackupTimerText, logServiceText];
  const paths = [...scripts, ...log];
  const mode = installation.way === 'cron' ? 0o755 : 0o644;
  const inside = installation.root === '/' ? environment : environment.slice(installation.root.length);
  return [
    {
      path: environment,
      mode: 0o600,
      text: marked(environmentText(installation.variables)),
      holdsSecrets: true,
    },
    ...[...texts, ...logTexts].map((text, index) => ({
      path: paths[index] as string,
      mode,
      text: marked(text(installation, inside)),
    })),
  ];
}

function cronText(installation: Installation, environment: string): string {
  const { source } = installation;
  const runs = linesOf(installation).map((words) => `run ${words.map(shellWord).join(' ')}`);
  return `#!/bin/sh
# ${isGuard(installation) ? 'Looks after the vault, as offsite guard does' : `Takes the nightly archive of ${source}`}; what is printed is mailed by cron, so nothing is where all went well.
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
# State is kept where systemd's unit keeps it.
[ -n "\${XDG_STATE_HOME:-}" ] || mkdir -p /var/lib/offsite
date '+%F %T %Z' >> "$log"
run() {
  "$@" >> "$log" 2>&1 9<&- && return
  code=$?
  echo "offsite: ${isGuard(installation) ? 'the guard' : `the back-up of ${source}`} ended with exit code $code; the last of $log:" >&2
  tail -n 20 "$log" >&2
  exit "$code"
}
${runs.join('\n')}
`;
}

/** Compose has no timer: the service waits until the time has come. */
function composeText(installation: Installation): string {
  const { source, program, at, reads = [], writes, needsDocker, isLocal, timeZone } = installation;
  const root = program.replace(/\/bin\/offsite$/, '');
  const name = nameOf(source);
  const zone = at.isUtc ? 'UTC' : timeZone;
  const volumes = [
    ...[`${root}:${root}`, ...reads].map((one) => `${one}:ro`),
    'offsite-state:/var/lib/offsite',
    ...writes.map((folder) => `${folder}:${folder}`),
    ...(needsDocker
      ? ['/var/run/docker.sock:/var/run/docker.sock', '/usr/bin/docker:/usr/bin/docker:ro']
      : []),
  ];
  return `# ${composeLine(installation)}
services:
  ${name}:
    # ${isGuard(installation) ? 'Restore tests restore into its server: it' : 'Its pg_dump'} must be of the server's major version, or newer.
    image: postgres:16
    init: true
    restart: unless-stopped
${isLocal ? '    # The server is one of the host.\n    network_mode: host\n' : ''}    env_file: ${name}.env
    environment:
      TZ: ${JSON.stringify(zone)}
    volumes:
${volumes.map((one) => `      - ${inYaml(one)}`).join('\n')}
${isGuard(installation) ? guardService(installation) : nightService(installation)}volumes:
  offsite-state:
`;
}

/** Knows of hours that a day lacks, makes up for a missed night, and hands on that it is to end. */
function nightService({ program, at, withSidecar, command }: Installation): string {
  const sidecar = withSidecar ? ['--sidecar'] : [];
  const words = ['nightly', '--at', at.clock, ...sidecar, ...(command.length > 0 ? ['--', ...command] : [])];
  return `    entrypoint: [${inYaml(program)}]
    command: [${words.map(inYaml).join(', ')}]
`;
}

function guardService(installation: Installation): string {
  const runs = linesOf(installation).map((words) => words.map(shellWord).join(' '));
  return `    entrypoint: ["sh", "-c"]
    command:
      - |
        while :; do
          sleep 3600
          for line; do
            sh -c "$$line" || echo "offsite: exit code $$?" >&2
          done
        done
      - offsite
${runs.map((line) => `      - ${inYaml(line)}`).join('\n')}
`;
}

/** What begins it, beside the file that stands there. */
export function composeLine(
  { source, composeFile = composeFiles[0] }: Installation,
  folder?: string,
): string {
  const name = nameOf(source);
  const own = `${folder === undefined ? '' : `${folder}/`}compose.${name}.yaml`;
  return `docker compose -f ${composeFile} -f ${own} up -d ${name}`;
}

/** JSON is YAML; a dollar would begin a variable of Compose's. */
function inYaml(text: string): string {
  return JSON.stringify(text.replaceAll('$', '$$$$'));
}
