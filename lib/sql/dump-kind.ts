// What a dump is that is no plain pg_dump of one database, by its first bytes.

import type { Refusal } from './refusal.ts';

/** As many of the first bytes tell: tar's mark stands behind a name of 257. */
export const headBytes = 512;

/** How a plain pg_dump begins. */
export const opening = '--\n-- PostgreSQL database dump\n';

const compressed = 'leave the compression away (-Z, | gzip): the agent compresses';

type Kind = {
  readonly begins: readonly string[];
  /** Where that stands; default: at the beginning. */
  readonly at?: number;
  readonly found: string;
  readonly remedy: string;
};

const kinds: readonly Kind[] = [
  {
    begins: ['--\n-- PostgreSQL database cluster dump'],
    found: 'the output of pg_dumpall',
    remedy:
      'dump one database with pg_dump, each under a source of its own (roles: pg_dumpall --globals-only, kept elsewhere)',
  },
  {
    begins: ['PGDMP'],
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
    found: 'gzip in gzip: it was compressed twice, gzip -dc gives the inner file',
    remedy: compressed,
  },
  {
    begins: ['\x28\xb5\x2f\xfd'],
    found: 'compressed by zstd: zstd -dc gives what is in it',
    remedy: compressed,
  },
  {
    begins: ['\x04\x22\x4d\x18'],
    found: 'compressed by lz4: lz4 -dc gives what is in it',
    remedy: compressed,
  },
  { begins: ['\xfd7zXZ\0'], found: 'compressed by xz: xz -dc gives what is in it', remedy: compressed },
  { begins: ['BZh'], found: 'compressed by bzip2: bzip2 -dc gives what is in it', remedy: compressed },
  { begins: ['\x1f\x9d'], found: 'compressed by compress: gzip -dc gives what is in it', remedy: compressed },
  { begins: ['PK\x03\x04'], found: 'a zip file: unzip -l lists it', remedy: compressed },
  {
    begins: ['age-encryption.org', 'Salted__', '-----BEGIN PGP', '-----BEGIN AGE'],
    found: 'something encrypted',
    remedy: 'leave the encryption away: what cannot be read cannot be verified',
  },
  {
    begins: ['\xff\xfe', '\xfe\xff'],
    found: 'UTF-16, as PowerShell redirects text',
    remedy: 'run pg_dump from a shell that passes its bytes on as they are',
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

/**
 * Names what the first bytes show.
 *
 * @param head - {@link headBytes} of them, or all there are; latin1.
 * @returns `undefined` if they are a dump's, or nobody's that is known.
 */
export function foreignKind(head: string): Refusal | undefined {
  const kind = kinds.find(({ begins, at = 0 }) => begins.some((text) => head.startsWith(text, at)));
  return kind && { found: kind.found, remedy: kind.remedy };
}
