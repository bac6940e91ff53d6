// What a dump is that is no plain pg_dump of one database, by its first bytes.

import type { Refusal } from './refusal.ts';

/** As many of the first bytes tell: tar's mark stands behind a name of 257. */
export const headBytes = 512;

/** How a plain pg_dump begins. */
export const opening = '--\n-- PostgreSQL database dump\n';

const compressed = 'leave the compression away (-Z, | gzip): the agent compresses';

type Kind = {
  readonly begins: readonly string[];
  /** What writes what is in it to stdout, given the file as its last word. */
  readonly by?: string;
  /** Where that stands; default: at the beginning. */
  readonly at?: number;
  readonly found: string;
  readonly remedy: string;
};

const bytesAsTheyAre = 'run pg_dump from a shell that passes its bytes on as they are';

const compressedBy = (name: string, mark: string, program = name): Kind => ({
  begins: [mark],
  by: `${program} -dc`,
  found: `compressed by ${name}: ${program} -dc gives what is in it`,
  remedy: compressed,
});

const encryptedBy = (name: string, begins: readonly string[], by?: string): Kind => ({
  begins,
  ...(by !== undefined && { by }),
  found: `something encrypted by ${name}`,
  remedy: 'leave the encryption away: what cannot be read cannot be verified',
});

const kinds: readonly Kind[] = [
  {
    begins: ['--\n-- PostgreSQL database cluster dump'],
    found: 'the output of pg_dumpall',
    remedy:
      'dump one database with pg_dump, each under a source of its own (roles: pg_dumpall --globals-only, kept elsewhere)',
  },
  {
    begins: ['PGDMP'],
    by: 'pg_restore -f -',
    found: "pg_dump's custom format (-Fc): pg_restore reads it, and lists it with -l",
    remedy: 'leave -Fc away: a plain dump is what psql restores',
  },
  {
    begins: ['ustar'],
    at: 257,
    found: 'a tar file (pg_dump -Ft, or the folder of -Fd): tar -t lists it, pg_restore reads it',
    remedy: 'leave -Ft or -Fd away: a plain dump is what psql restores',
  },
  {
    begins: ['\x1f\x8b'],
    by: 'gzip -dc',
    found: 'gzip in gzip: it was compressed twice, gzip -dc gives the inner file',
    remedy: compressed,
  },
  compressedBy('zstd', '\x28\xb5\x2f\xfd'),
  compressedBy('lz4', '\x04\x22\x4d\x18'),
  compressedBy('xz', '\xfd7zXZ\0'),
  compressedBy('bzip2', 'BZh'),
  compressedBy('compress', '\x1f\x9d', 'gzip'),
  { begins: ['PK\x03\x04'], by: 'unzip -p', found: 'a zip file: unzip -l lists it', remedy: compressed },
  encryptedBy('age', ['age-encryption.org', '-----BEGIN AGE'], 'age -d'),
  encryptedBy('openssl', ['Salted__']),
  // Without its armour: a session's key for a passphrase, or for a public key of RSA or Curve25519.
  // @see https://www.rfc-editor.org/rfc/rfc4880#section-5.1
  encryptedBy('gpg', ['-----BEGIN PGP', '\x8c\x0d\x04', '\x85\x01', '\x85\x02', '\x84\x5e\x03'], 'gpg -d'),
  {
    begins: ['\xef\xbb\xbf'],
    by: 'tail -c +4',
    found: 'text behind a byte order mark, as PowerShell and editors write it',
    remedy: bytesAsTheyAre,
  },
  {
    begins: ['SQLite format 3\0'],
    found: 'a database of SQLite: the dashboard’s own is for offsite sidecar',
    remedy: 'name a dump of the Postgres database',
  },
  {
    begins: ['-- MySQL dump', '-- MariaDB dump', '/*M!'],
    found: 'a dump of MySQL or MariaDB',
    remedy: 'name a dump of the Postgres database',
  },
  {
    begins: ['<!DOCTYPE', '<!doctype', '<html', '<?xml'],
    found: 'a web page, or what a store answers in place of a file',
    remedy: 'look into it: it says why the file was not given',
  },
  {
    begins: ['\xff\xfe', '\xfe\xff'],
    by: 'iconv -f UTF-16 -t UTF-8',
    found: 'UTF-16, as PowerShell redirects text',
    remedy: bytesAsTheyAre,
  },
  {
    begins: [
      'pg_dump',
      'docker:',
      'ssh:',
      'Warning',
      'WARNING',
      'warning',
      'Error',
      'ERROR',
      'error',
      'Password',
    ],
    found: 'messages where the dump should begin',
    remedy: 'send the messages to stderr: only the dump belongs on stdout',
  },
];

/** What no text is, of whatever encoding: a Postgres takes no NUL, and a key that is lost leaves bytes of any value. */
export const binary: Refusal = {
  found: 'binary data of no kind that is known here: encrypted, perhaps',
  remedy: 'name a plain dump: what pg_dump writes without -F',
};

/**
 * Names what the first bytes show.
 *
 * @param head - {@link headBytes} of them, or all there are; latin1.
 * @returns `undefined` if they are a dump's, or nobody's that is known.
 */
export function foreignKind(head: string): Refusal | undefined {
  const kind = kindOf(head) ?? (isBinary(head) ? binary : undefined);
  return kind && { found: kind.found, remedy: kind.remedy };
}

/** What writes the plain dump that is in such a file to stdout, given the file as its last word; `undefined` if no one program does. */
export function plainDumpBy(head: string): string | undefined {
  return kindOf(head)?.by;
}

/** What the plain dump of a file is to be called, which is never the file itself: `night.sql.zst` → `night.plain.sql`. */
export function plainFileName(file: string): string {
  return `${file.replace(/(?:\.sql)?\.[a-z]\w*$/i, '')}.plain.sql`;
}

function kindOf(head: string): Kind | undefined {
  return kinds.find(({ begins, at = 0 }) => begins.some((text) => head.startsWith(text, at)));
}

function isBinary(head: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const controls = head.match(/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/g) ?? [];
  return head.includes('\0') || controls.length > head.length / 32;
}
