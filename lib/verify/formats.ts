// What a file is that is no gzip, or whose gzip holds no plain dump, by how it begins: "damaged" and "cut" would send
// its owner looking for a fault that is none.

/** Bytes from the beginning on that tell formats apart. */
const openingBytes = 512;

/** Keeps the beginning of what passes. */
export class Opening {
  bytes: Buffer = Buffer.alloc(0);

  update(chunk: Uint8Array): void {
    if (this.bytes.length >= openingBytes) return;
    this.bytes = Buffer.concat([this.bytes, chunk.subarray(0, openingBytes - this.bytes.length)]);
  }
}

/** By their first bytes; a tar's stand further in. */
const formats: readonly { readonly begins: readonly number[]; readonly at?: number; readonly is: string }[] =
  [
    {
      begins: [...Buffer.from('PGDMP')],
      is: "pg_dump's custom format (-Fc): pg_restore reads it, and lists it with -l",
    },
    {
      begins: [...Buffer.from('ustar')],
      at: 257,
      is: 'a tar file: tar -t lists it; if pg_dump made it (-Ft), pg_restore reads it',
    },
    { begins: [0x1f, 0x8b], is: 'gzip: gzip -dc gives what is in it' },
    { begins: [0x28, 0xb5, 0x2f, 0xfd], is: 'compressed by zstd: zstd -dc gives what is in it' },
    { begins: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], is: 'compressed by xz: xz -dc gives what is in it' },
    { begins: [...Buffer.from('BZh')], is: 'compressed by bzip2: bzip2 -dc gives what is in it' },
    { begins: [0x04, 0x22, 0x4d, 0x18], is: 'compressed by lz4: lz4 -dc gives what is in it' },
    { begins: [0x1f, 0x9d], is: 'compressed by compress: gzip -dc gives what is in it' },
    { begins: [...Buffer.from('PK\x03\x04')], is: 'a zip file: unzip -l lists it' },
  ];

/**
 * Says what a file is that gzip cannot read.
 *
 * @param opening - Its first 512 bytes, or all of it.
 * @returns `undefined` if that is not known.
 */
export function formatOfFile(opening: Uint8Array): string | undefined {
  if (opening.length === 0) return 'the file is empty';
  if (isGzip(opening)) return undefined;
  const known = formatOf(opening);
  if (known !== undefined) return `no gzip, but ${known}`;
  const text = Buffer.from(opening).toString('latin1');
  if (text.includes('PostgreSQL database')) return 'a plain dump that is not compressed: gzip it first';
  return /^[\t\n\r\x20-\x7e\x80-\xff]+$/.test(text) ? 'plain text that is not compressed' : undefined;
}

/**
 * Says what a gzip file holds in place of a plain dump.
 *
 * @param opening - The first plain bytes.
 */
export function formatInside(opening: Uint8Array): string | undefined {
  if (opening.length === 0) return 'nothing: gzip of an empty file';
  const known = formatOf(opening);
  if (known === undefined) return undefined;
  return isGzip(opening) ? 'gzip in gzip: it was compressed twice, gzip -dc gives the inner file' : known;
}

function formatOf(opening: Uint8Array): string | undefined {
  return formats.find(({ begins, at = 0 }) => begins.every((byte, index) => opening[at + index] === byte))
    ?.is;
}

function isGzip([first, second]: Uint8Array): boolean {
  return first === 0x1f && second === 0x8b;
}
