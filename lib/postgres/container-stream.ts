// A way to a server inside a container that publishes no port. `docker exec` carries the bytes to whatever in there can open
// a socket: perl (Debian's image) takes the server's own, as psql would; bash and busybox's nc (Alpine's) its port. At the
// end of our bytes the server ends the session, and with it what was begun inside: no signal has to get there.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { started } from '../base/started.ts';

/** One process: it reads what the server says also where that takes no more. */
const perl = `use Socket; use Fcntl; ($h, $p) = @ARGV;
for $f ($h eq "" ? ("/var/run/postgresql", "/tmp") : $h =~ m{^/} ? $h : ()) {
  socket(S, PF_UNIX, SOCK_STREAM, 0);
  if (connect(S, pack_sockaddr_un("$f/.s.PGSQL.$p"))) { $c = 1; last }
}
if (!$c) {
  $h = "127.0.0.1" if $h eq "" or $h =~ m{^/};
  $a = inet_aton($h) or die "$h: unknown host\\n";
  socket(S, PF_INET, SOCK_STREAM, 0) && connect(S, pack_sockaddr_in($p, $a)) or die "$h:$p: $!\\n";
}
fcntl S, F_SETFL, O_NONBLOCK; $SIG{PIPE} = "IGNORE"; $up = ""; $open = 1;
for (;;) {
  ($r, $w) = ("", "");
  vec($r, fileno S, 1) = 1; vec($r, fileno STDIN, 1) = 1 if $open && $up eq ""; vec($w, fileno S, 1) = 1 if $up ne "";
  select($r, $w, undef, undef);
  if (vec $r, fileno S, 1) {
    defined($n = sysread S, $down, 65536) or next; $n or last;
    for ($at = 0; $at < $n;) { $m = syswrite STDOUT, $down, $n - $at, $at or exit; $at += $m }
  }
  if (vec $r, fileno STDIN, 1) { sysread STDIN, $up, 65536 or $open = 0, $up = "", shutdown S, 1 }
  elsif (vec $w, fileno S, 1) { $n = syswrite S, $up; $up = substr $up, $n if $n }
}`;

/**
 * Its cats are ended and waited for: who is left over in a container becomes a child of its first process, and a postmaster
 * takes the signal that ended a child of its for a crash of the server. A socket of bash's cannot be half closed, so one
 * that was told to end gets a moment to say its last.
 */
const bash = `trap '' PIPE; exec 4<&0 3<>"/dev/tcp/$0/$1" || exit 1
cat <&3 & from=$!; cat <&4 >&3 & to=$!
wait -n; sleep 0.2; kill $from $to 2>/dev/null; wait`;

/** What libpq's variables say in there holds for psql, and so for this. */
const script = `host=\${PGHOST:-}; port=\${PGPORT:-5432}; address=127.0.0.1
case $host in ?*/*|/*|'') ;; *) address=$host ;; esac
has() { command -v "$1" >/dev/null 2>&1; }
has perl && exec perl -e '${perl.replaceAll("'", "'\\''")}' "$host" "$port"
has bash && has cat && has sleep && exec bash -c '${bash.replaceAll("'", "'\\''")}' "$address" "$port"
has nc && exec nc "$address" "$port"
echo 'no perl, bash or nc in it that could open a socket' >&2; exit 1`;

const stderrTailChars = 2000;
/** How long `docker exec` may take to end when what it carries is over. */
const graceMs = 3000;

/** A socket to the server inside, as `pg` expects one. Its end is an error unless we asked for it. */
export class ContainerStream extends Duplex {
  readonly #container: string;
  #child: ChildProcessByStdio<Writable, Readable, Readable> | undefined;
  #said = '';

  constructor(container: string) {
    super({ allowHalfOpen: true });
    this.#container = container;
  }

  /** Where to is for the container to say. */
  connect(): this {
    const args = ['exec', '-i', this.#container, 'sh', '-c', script];
    // A group of its own: ^C on the terminal is for us, who still have to speak to the server.
    const child = started(
      spawn('docker', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true }),
      'docker',
    );
    this.#child = child;
    child.on('error', (error) => this.destroy(error));
    child.on('spawn', () => this.emit('connect'));
    child.on('close', (code) => this.#ended(code));
    // EPIPE: what its end says is more.
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (chunk: Buffer) => void (this.push(chunk) || child.stdout.pause()));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-stderrTailChars);
    });
    return this;
  }

  override _read(): void {
    this.#child?.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#child?.stdin.write(chunk, () => done());
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: () => void): void {
    const stdin = this.#child?.stdin;
    stdin?.cork();
    for (const [at, { chunk }] of chunks.entries())
      stdin?.write(chunk, at === chunks.length - 1 ? () => done() : undefined);
    stdin?.uncork();
  }

  override _final(done: () => void): void {
    this.#child?.stdin.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const child = this.#child;
    child?.stdin.destroy();
    child?.stdout.destroy();
    if (child?.exitCode === null) setTimeout(() => child.kill('SIGKILL'), graceMs).unref();
    done(error);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): void {
    this.#child?.ref();
  }

  unref(): void {
    this.#child?.unref();
  }

  #ended(code: number | null): void {
    if (this.destroyed) return;
    if (this.writableEnded) {
      this.push(null);
      this.destroy();
      return;
    }
    const said = this.#said.trim().split('\n').at(-1);
    this.destroy(new Error(said || `docker exec ended with ${code}`));
  }
}
