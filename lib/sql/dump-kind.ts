// What a dump is that is no plain pg_dump of one database, by its first bytes.

import { shellWord } from '../base/shell-word.ts';
import type { Refusal } from './refusal.ts';
import { verbs } from './verbs.ts';

/** As many of the first bytes tell: tar's mark stands behind a name of 257. */
export const headBytes = 512;

/** How a plain pg_dump begins. */
export const opening = '--\n-- PostgreSQL database dump\n';

const compressed = 'leave the compression away (-Z, | gzip): the agent compresses';

type Kind = {
  readonly begins: readonly string[];
  /** What writes what is in it to stdout, given the file as its last word. */
  readonly by?: string;
  /** What to do with the FILE, where no one program does it. */
  readonly way?: string;
  /** Where that stands; default: at the beginning. */
  readonly at?: number;
  readonly found: string;
  readonly remedy: string;
};

/** A folder of a server, or the tar of one. */
export const serverFiles = {
  found: "a server's own files: a base backup, or its data directory",
  way: "start a Postgres of its version on a copy of it (PG_VERSION says which; docs/pitr.md), and dump that: 'offsite backup'",
};

const bytesAsTheyAre = 'run pg_dump from a shell that passes its bytes on as they are';

const compressedBy = (name: string, mark: string, program = name): Kind => ({
  begins: [mark],
  by: `${program} -dc`,
  found: `compressed by ${name}: ${program} -dc gives what is in it`,
  remedy: compressed,
});

const encryptedBy = (name: string, begins: readonly string[], how: Pick<Kind, 'by' | 'way'>): Kind => ({
  begins,
  ...how,
  found: `something encrypted by ${name}`,
  remedy: 'leave the encryption away: what cannot be read cannot be verified',
});

const kinds: readonly Kind[] = [
  {
    begins: ['--\n-- PostgreSQL database cluster dump'],
    // The part of the one, or what follows where it has roles only.
    by: `awk '/^-- Database "/{other=!/"bitmagnet"/;is=0} /^-- PostgreSQL database dump$/{is=!other} is'`,
    found: 'the output of pg_dumpall, of all databases of a server or of its roles',
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
    begins: ['toc.dat\0'],
    by: 'pg_restore -f -',
    found: "pg_dump's tar format (-Ft): pg_restore reads it",
    remedy: 'leave -Ft away: a plain dump is what psql restores',
  },
  {
    begins: ['backup_label\0', 'PG_VERSION\0', 'tablespace_map\0', 'backup_manifest\0'],
    way: serverFiles.way,
    found: serverFiles.found,
    remedy: 'name a dump: what pg_dump writes',
  },
  {
    begins: ['ustar'],
    at: 257,
    way: "unpack it ('mkdir DIR && tar -xf FILE -C DIR'), then name what is in it: a dump, or a folder with a toc.dat (pg_dump -Fd)",
    found: 'a tar file: tar -tf lists it',
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
  compressedBy('lzma', '\x5d\0\0', 'xz'),
  compressedBy('lzop', '\x89LZO'),
  compressedBy('zlib', 'x\x9c', 'pigz'),
  { begins: ['7z\xbc\xaf'], by: '7z x -so', found: 'a 7z file: 7z l lists it', remedy: compressed },
  { begins: ['Rar!'], by: 'unrar p -inul', found: 'a rar file: unrar l lists it', remedy: compressed },
  { begins: ['PK\x03\x04'], by: 'unzip -p', found: 'a zip file: unzip -l lists it', remedy: compressed },
  encryptedBy('age', ['age-encryption.org', '-----BEGIN AGE'], { by: 'age -d' }),
  encryptedBy('openssl', ['Salted__', 'U2FsdGVkX1'], {
    way: "decrypt it as it was encrypted ('openssl enc -d -aes-256-cbc -pbkdf2 -in FILE -out OTHER', with the cipher that it was, and -a if it is base64), then: offsite restore OTHER",
  }),
  // Without its armour: a session's key for a passphrase, or for a public key of RSA or Curve25519.
  // @see https://www.rfc-editor.org/rfc/rfc4880#section-5.1
  encryptedBy('gpg', ['-----BEGIN PGP', '\x8c\x0d\x04', '\x85\x01', '\x85\x02', '\x84\x5e\x03'], {
    by: 'gpg -d',
  }),
  {
    begins: ['\xef\xbb\xbf'],
    by: 'tail -c +4',
    found: 'text behind a byte order mark, as PowerShell and editors write it',
    remedy: bytesAsTheyAre,
  },
  {
    begins: ['SQLite format 3\0'],
    way: "'offsite sidecar restore ID' brings the dashboard's back from the vault; of the torrents, name a dump of Postgres",
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
    way: "'head -c 500 FILE' says why the file was not given; fetch it again: from the vault by 'offsite fetch ID'",
    found: 'a web page, or what a store answers in place of a file',
    remedy: 'look into it: it says why the file was not given',
  },
  {
    begins: ['version https://git-lfs'],
    way: "'git lfs pull' in its clone brings the file itself; then the same command again",
    found: 'a pointer of Git LFS in place of the file',
    remedy: 'name the file itself',
  },
  {
    begins: ['s3://', 'https://', 'http://'],
    way: `bring what is there, by 'aws s3 cp "$(cat FILE)" .' or 'curl -O "$(cat FILE)"', and name that`,
    found: 'an address in place of the file',
    remedy: 'name the file itself',
  },
  {
    begins: ['{"', '{ "', '{\n', '{\r', '[{', '[ {', '[\n'],
    way: 'if it is an ID.manifest.json, name the archive that it is of: offsite restore ID',
    found: 'JSON: a manifest, a verdict, or what a service answered',
    remedy: 'name a dump: what pg_dump writes',
  },
  {
    begins: ['H4sI'],
    way: "'base64 -d FILE > OTHER.sql.gz', then: offsite restore OTHER.sql.gz",
    found: 'gzip as base64',
    remedy: bytesAsTheyAre,
  },
  {
    begins: ['\xff\xfe', '\xfe\xff'],
    by: 'iconv -f UTF-16 -t UTF-8',
    found: 'UTF-16, as PowerShell redirects text',
    remedy: bytesAsTheyAre,
  },
  ...(['LE', 'BE'] as const).map((order) => ({
    begins: [order === 'LE' ? '-\0-\0' : '\0-\0-'],
    by: `iconv -f UTF-16${order} -t UTF-8`,
    found: 'UTF-16 without a byte order mark',
    remedy: bytesAsTheyAre,
  })),
];

/** What no text is, of whatever encoding: a Postgres takes no NUL, and a key that is lost leaves bytes of any value. */
export const binary: Refusal = {
  found:
    'binary data of no kind that is known here: encrypted, or compressed by brotli, which leaves no mark',
  remedy: 'name a plain dump: what pg_dump writes without -F',
};

/**
 * Names what the first bytes show.
 *
 * @param head - {@link headBytes} of them, or all there are; latin1.
 * @returns `undefined` if they are a dump's, or nobody's that is known.
 */
export function foreignKind(head: string): Refusal | undefined {
  const kind = kindOf(head) ?? (isBinary(head) ? binary : textKind(head));
  return kind && { found: kind.found, remedy: kind.remedy };
}

/** What neither a statement nor a comment nor a command of psql's begins, as do messages. */
export function textKind(head: string): Kind | undefined {
  const [line = ''] = head.trimStart().split(/[\r\n]/);
  const word = /^[A-Za-z]+|^\(/.exec(line)?.[0] ?? '';
  if (line === '' || verbs.has(word.toUpperCase()) || /^(?:--|\/\*|\\|;)/.test(line)) return undefined;
  const text = Buffer.from(line, 'latin1').toString().slice(0, 80);
  return {
    begins: [],
    way: "'head FILE' shows it; if a dump follows: sed -n '/^-- PostgreSQL database dump$/,$p' FILE > OTHER, then: offsite restore OTHER",
    found: `no SQL where the dump should begin: ${JSON.stringify(text)}`,
    remedy: 'send messages to stderr: only the dump belongs on stdout',
  };
}

/**
 * What to type next, where a plain dump is to be had.
 *
 * @param head - Of the file, or of what is in its gzip.
 * @param next - What wants it, `offsite restore`; that it `isGzip` there, and that it is to be gzip then.
 * @returns `undefined` if there is no way.
 */
export function wayOut(
  head: string,
  file: string,
  next: { readonly command: string; readonly isGzip?: boolean; readonly toGzip?: boolean },
): string | undefined {
  const { command, isGzip = false, toGzip = false } = next;
  const { by, way } = kindOf(head) ?? (isBinary(head) ? {} : textKind(head)) ?? {};
  const word = shellWord(file);
  const packed = toGzip ? ' | gzip' : '';
  if (by === undefined) {
    const inner = isGzip ? shellWord(plainFileName(file)) : word;
    const first = isGzip ? `gunzip -c ${word} > ${inner}, then: ` : '';
    return way && first + way.replaceAll('FILE', inner).replaceAll('offsite restore', command);
  }
  return makeOne(isGzip ? `gunzip -c ${word} | ${by}${packed}` : `${by} ${word}${packed}`, file, next);
}

/** @param line - Writes the plain dump of a file, or its gzip, to stdout. */
export function makeOne(
  line: string,
  file: string,
  { command, toGzip = false }: { readonly command: string; readonly toGzip?: boolean },
): string {
  const made = shellWord(`${plainFileName(file)}${toGzip ? '.gz' : ''}`);
  return `make one of it: ${line} > ${made}, then: ${command} ${made}`;
}

/** What the plain dump of a file is to be called, which is never the file itself: `night.sql.zst` → `night.plain.sql`. */
function plainFileName(file: string): string {
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
