// What Docker and Compose say when they do not do what they were asked, said so that somebody on a new host knows what to
// do. Their words are kept, for they name the image, the port, the variable.

import { OffsiteError } from '../base/errors.ts';
import type { ChildFailure } from '../base/process.ts';

type Meaning = { readonly words: RegExp; readonly message: string; readonly hint: string };

const meanings: readonly Meaning[] = [
  {
    words: /port is already allocated|address already in use|ports are not available/i,
    message: 'a port is taken by another program',
    hint: "find it ('docker ps', 'ss -ltnp'), end it or change the port in the Compose file, and run the same command again",
  },
  {
    words:
      /pull access denied|manifest (?:for .*)?(?:unknown|not found)|no such image|failed to resolve reference|repository does not exist|name unknown|unauthorized|lookup .* on |no such host|\/v2\/": |i\/o timeout|TLS handshake|toomanyrequests|error pulling image/i,
    message: 'an image cannot be pulled',
    hint: "is its name right, does this host reach the registry, is a 'docker login' needed? An image file can be brought by 'docker load'",
  },
  {
    words: /container name .* is already in use/i,
    message: 'a container of that name is there already, and is not of this Compose file',
    hint: "see 'docker ps -a'; rename or remove it if nothing in it is needed, and run the same command again",
  },
  {
    words: /no space left on device/i,
    message: 'the disk is full',
    hint: 'make room where Docker keeps its files, and run the same command again',
  },
];

const reaches =
  /Cannot connect to the Docker daemon|Is the docker daemon running|docker\.sock|error during connect|permission denied while trying to connect/i;

/**
 * Tells why Docker or Compose failed.
 *
 * @param what - What was to be done: `start postgres`.
 * @returns `PROGRAM_MISSING`, `CONTAINER_UNREACHABLE`, `COMPOSE_INVALID` or `APP_NOT_STARTED`.
 */
export function dockerError(
  what: string,
  { program, startError, stderr, exitCode }: ChildFailure,
): OffsiteError {
  const found = lastWords(stderr) || startError || `exit code ${exitCode} and no word`;
  if (startError !== undefined) {
    return new OffsiteError('PROGRAM_MISSING', `${program} cannot be started`, {
      expected: `the program ${program} on the PATH`,
      found: startError === 'ENOENT' ? 'no such program' : found,
      hint: 'install Docker Engine and its Compose plugin (docs.docker.com/engine/install), and run the same command again',
    });
  }
  if (reaches.test(stderr)) {
    const refused = /permission denied/i.test(stderr);
    return new OffsiteError('CONTAINER_UNREACHABLE', 'the Docker engine does not answer', {
      expected: 'a Docker engine that runs and that you may use',
      found,
      hint: refused
        ? 'be root (sudo), or in group docker, and run the same command again'
        : 'start it (systemctl start docker), and run the same command again',
    });
  }
  const meaning = meanings.find(({ words }) => words.test(stderr));
  return new OffsiteError('APP_NOT_STARTED', meaning?.message ?? `Docker did not ${what}`, {
    expected: `to ${what}`,
    found,
    hint: meaning?.hint ?? 'what was found is its own word; mend it, and run the same command again',
  });
}

/** The error of a Compose file that Compose itself refuses. */
export function composeError(file: string, failure: ChildFailure): OffsiteError {
  if (failure.startError !== undefined || reaches.test(failure.stderr)) {
    return dockerError('read the Compose file', failure);
  }
  return new OffsiteError('COMPOSE_INVALID', `Compose cannot read ${file}`, {
    expected: "BitAgent's Compose file, with the variables that it wants",
    found: lastWords(failure.stderr) || `exit code ${failure.exitCode} and no word`,
    hint: /does not match any of the regexes|Unsupported config option|Additional properties/.test(
      failure.stderr,
    )
      ? `what its line says is unknown to this ${failure.program}: install the Compose of today (docker-compose-plugin, or docker-compose-v2), and run the same command again`
      : 'bring it back from where you keep it, with its .env (--env-file FILE); or name another: --compose-file FILE',
  });
}

/** Compose says much on its way; why it stopped stands at the end. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.filter(
    (line) => line !== '' && !/^(?:\S+ )?(?:Pulling|Pulled|Creating|Created|Starting)\b/.test(line),
  );
  return said.slice(-3).join('\n').slice(0, 600);
}
