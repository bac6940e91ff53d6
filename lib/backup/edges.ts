// The agent's own look at a dump while it passes: is its beginning that of a plain pg_dump that can be restored, and is
// its end there? Cheap enough for any rate, and it catches what an exit code cannot: an ssh or a pipe that died with
// success. The full scan is the verifier's.

import { OffsiteError } from '../base/errors.ts';
import { foreignKind, opening } from '../sql/dump-kind.ts';
import { DumpReader, endMarker } from '../sql/reader.ts';
import { pgDumpVersionLine, serverVersionLine } from '../sql/scanner.ts';

const headBytes = 4096;
const tailBytes = 512;

/** What a dump's first lines say. */
export type DumpVersions = { readonly serverVersion?: string; readonly pgDumpVersion?: string };

/** Watches a plain dump pass. Feed every chunk to {@link DumpEdges.push}, then ask {@link DumpEdges.finish}. */
export class DumpEdges {
  plainBytes = 0;
  #versions: DumpVersions = {};
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);
  readonly #reader = new DumpReader({
    statement: () => undefined,
    endOfRows: () => undefined,
    comment: (line) => this.#comment(line),
    refuse: (refusal) => {
      throw new OffsiteError('DUMP_NOT_PLAIN', 'the dump command writes what no restore would take', {
        expected: 'a plain pg_dump of one database',
        found: refusal.found,
        hint: refusal.remedy,
      });
    },
  });

  /** @throws {@link OffsiteError} `DUMP_NOT_PLAIN` as soon as the first bytes show it. */
  push(chunk: Uint8Array): void {
    this.plainBytes += chunk.byteLength;
    if (this.#head.length < headBytes) {
      const head = chunk.subarray(0, headBytes - this.#head.length);
      this.#head = Buffer.concat([this.#head, head]);
      assertPlain(this.#head);
      this.#reader.push(head);
    }
    this.#tail =
      chunk.byteLength >= tailBytes
        ? Buffer.from(chunk.subarray(-tailBytes))
        : Buffer.concat([this.#tail, chunk]).subarray(-tailBytes);
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
        hint: "run the dump command by hand and look at what it prints; without one, 'offsite doctor' looks whether pg_dump gets at the database",
      });
    }
    const lines = this.#tail.toString().split('\n');
    const marker = lines.lastIndexOf(endMarker);
    if (marker < 0 || !lines.slice(marker + 1).every(isTrailer)) {
      throw new OffsiteError('DUMP_INCOMPLETE', 'the dump was cut, though its command reported success', {
        expected: `'${endMarker}' in its last lines`,
        found: `${this.plainBytes} bytes that end without it`,
        hint: 'a pipe or an ssh in the dump command hides a failure: run pg_dump directly, or use bash -o pipefail',
      });
    }
    return this.#versions;
  }

  #comment(line: string): void {
    if (line.startsWith(serverVersionLine))
      this.#versions = { ...this.#versions, serverVersion: line.slice(serverVersionLine.length) };
    if (line.startsWith(pgDumpVersionLine))
      this.#versions = { ...this.#versions, pgDumpVersion: line.slice(pgDumpVersionLine.length) };
  }
}

function assertPlain(head: Buffer): void {
  const text = head.toString('latin1');
  if (opening.startsWith(text.slice(0, opening.length))) return;
  const { found = JSON.stringify(head.toString('utf8', 0, 40)), remedy } = foreignKind(text) ?? {};
  throw new OffsiteError('DUMP_NOT_PLAIN', 'the dump command does not write a plain pg_dump', {
    expected: "'-- PostgreSQL database dump' as the first line",
    found,
    hint:
      remedy ??
      'dump one database with pg_dump in plain format: no -Fc, no -Z, no pg_dumpall, no docker exec -t, no messages on stdout',
  });
}

function isTrailer(line: string): boolean {
  return line === '' || line.startsWith('--') || line.startsWith('\\unrestrict ');
}
