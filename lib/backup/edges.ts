// The agent's own look at a dump while it passes: is its first line that of a plain pg_dump, and is its end there?
// Cheap enough for any rate, and it catches what an exit code cannot: an ssh or a pipe that died with success. The
// full scan is the verifier's.

import { OffsiteError } from '../base/errors.ts';

const headBytes = 4096;
const tailBytes = 512;
const endMarker = '-- PostgreSQL database dump complete';

/** What a dump's first lines say. */
export type DumpVersions = { readonly serverVersion?: string; readonly pgDumpVersion?: string };

/** Watches a plain dump pass. Feed every chunk to {@link DumpEdges.push}, then ask {@link DumpEdges.finish}. */
export class DumpEdges {
  plainBytes = 0;
  #head: Uint8Array = new Uint8Array(0);
  #tail: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): void {
    this.plainBytes += chunk.byteLength;
    if (this.#head.byteLength < headBytes) {
      this.#head = joined(this.#head, chunk.subarray(0, headBytes - this.#head.byteLength));
      this.#assertPlain();
    }
    this.#tail =
      chunk.byteLength >= tailBytes
        ? Uint8Array.from(chunk.subarray(-tailBytes))
        : joined(this.#tail, chunk).subarray(-tailBytes);
  }

  /**
   * Judges the end.
   *
   * @throws {@link OffsiteError} `DUMP_EMPTY` if nothing came, `DUMP_INCOMPLETE` if the end marker did not.
   */
  finish(): DumpVersions {
    if (this.plainBytes === 0) {
      throw new OffsiteError('DUMP_EMPTY', 'the dump is empty', {
        expected: 'a plain pg_dump',
        found: '0 bytes and exit code 0',
        hint: 'run the dump command by hand and look at what it prints',
      });
    }
    const lines = new TextDecoder().decode(this.#tail).split('\n');
    const marker = lines.lastIndexOf(endMarker);
    if (marker < 0 || !lines.slice(marker + 1).every(isTrailer)) {
      throw new OffsiteError('DUMP_INCOMPLETE', 'the dump was cut, though its command reported success', {
        expected: `'${endMarker}' in its last lines`,
        found: `${this.plainBytes} bytes that end without it`,
        hint: 'a pipe or an ssh in the dump command hides a failure: run pg_dump directly, or use bash -o pipefail',
      });
    }
    return this.#versions();
  }

  #versions(): DumpVersions {
    const head = new TextDecoder().decode(this.#head);
    const serverVersion = /^-- Dumped from database version (.+)$/m.exec(head)?.[1];
    const pgDumpVersion = /^-- Dumped by pg_dump version (.+)$/m.exec(head)?.[1];
    return { ...(serverVersion ? { serverVersion } : {}), ...(pgDumpVersion ? { pgDumpVersion } : {}) };
  }

  #assertPlain(): void {
    const opening = new TextEncoder().encode('--\n-- PostgreSQL database dump\n');
    const seen = Math.min(opening.byteLength, this.#head.byteLength);
    if (opening.subarray(0, seen).every((byte, index) => byte === this.#head[index])) return;
    const found = new TextDecoder().decode(this.#head.subarray(0, 40));
    throw new OffsiteError('DUMP_NOT_PLAIN', 'the dump command does not write a plain pg_dump', {
      expected: "'-- PostgreSQL database dump' as the first line",
      found: JSON.stringify(found),
      hint: 'dump one database with pg_dump in plain format: no -Fc, no -Z, no pg_dumpall, no docker exec -t, no messages on stdout',
    });
  }
}

function isTrailer(line: string): boolean {
  return line === '' || line.startsWith('--') || line.startsWith('\\unrestrict ');
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.byteLength + other.byteLength);
  both.set(one);
  both.set(other, one.byteLength);
  return both;
}
