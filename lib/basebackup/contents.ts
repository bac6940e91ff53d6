// What a base backup holds, seen while its tar passes: each file with its length, by request its sum, and the server's own manifest.

import { createHash, type Hash } from 'node:crypto';
import { OffsiteError } from '../base/errors.ts';
import {
  missingFrom,
  parseServerManifest,
  type ServerManifest,
  serverManifestName,
} from './server-manifest.ts';
import { type TarEntry, TarReader } from './tar.ts';

/** Some hundred bytes a file; a cluster of a million files is a rare one. */
const manifestAtMostBytes = 512 * 1024 * 1024;
const namedFaults = 5;

/** What its end says. */
export type Contents = {
  readonly serverManifest: ServerManifest;
  readonly serverManifestText: string;
  readonly files: number;
  /** As the control file has it. */
  readonly systemIdentifier: string;
};

export class ContentsReader {
  readonly #tar = new TarReader();
  readonly #files = new Map<string, { readonly bytes: number; readonly sha256?: string }>();
  readonly #withSums: boolean;
  #entry: TarEntry | undefined;
  #hash: Hash | undefined;
  #kept: Buffer[] = [];
  #serverManifestText = '';
  #systemIdentifier = '';

  /** @param options - Whether each file is held against the sum in the server's manifest, too: twice the work. */
  constructor({ withSums = false } = {}) {
    this.#withSums = withSums;
  }

  /** As the control file has it, which comes last of the data; empty before. */
  get systemIdentifier(): string {
    return this.#systemIdentifier;
  }

  /** @throws {@link OffsiteError} `BASE_BACKUP_FAILED` */
  push(chunk: Uint8Array): void {
    for (const event of this.#tar.push(chunk)) {
      if (event.at === 'entry') this.#begin(event.entry);
      else if (event.at === 'bytes') this.#keep(event.bytes);
      else this.#end();
    }
  }

  /** @throws {@link OffsiteError} `BASE_BACKUP_FAILED` if it is not what the server says that it is. */
  finish(): Contents {
    this.#tar.finish();
    let serverManifest: ServerManifest;
    try {
      serverManifest = parseServerManifest(this.#serverManifestText);
    } catch (error) {
      throw contentsError("the server's manifest, with its own sum", (error as Error).message);
    }
    const faults = missingFrom(serverManifest, this.#files);
    if (faults.length > 0)
      throw contentsError("the files of the server's manifest", faults.slice(0, namedFaults).join('\n'));
    return {
      serverManifest,
      serverManifestText: this.#serverManifestText,
      files: serverManifest.files.length,
      systemIdentifier: this.#systemIdentifier,
    };
  }

  #begin(entry: TarEntry): void {
    this.#entry = entry;
    if (entry.kind === 'file') this.#files.set(entry.name, { bytes: entry.bytes });
    this.#hash = this.#withSums && entry.kind === 'file' ? createHash('sha256') : undefined;
    if (entry.name === serverManifestName && entry.bytes > manifestAtMostBytes)
      throw contentsError(`a manifest of at most ${manifestAtMostBytes} bytes`, `${entry.bytes}`);
  }

  #keep(bytes: Uint8Array): void {
    this.#hash?.update(bytes);
    const name = this.#entry?.name;
    if (name === serverManifestName || name === controlFile) this.#kept.push(Buffer.from(bytes));
    if (name !== controlFile || this.#systemIdentifier !== '') return;
    const kept = Buffer.concat(this.#kept);
    if (kept.length >= 8) this.#systemIdentifier = String(kept.readBigUInt64LE(0));
  }

  #end(): void {
    if (this.#entry !== undefined && this.#hash !== undefined)
      this.#files.set(this.#entry.name, { bytes: this.#entry.bytes, sha256: this.#hash.digest('hex') });
    const kept = Buffer.concat(this.#kept);
    if (this.#entry?.name === serverManifestName) this.#serverManifestText = kept.toString('utf8');
    this.#kept = [];
  }
}

const controlFile = 'global/pg_control';

function contentsError(expected: string, found: string): OffsiteError {
  return new OffsiteError(
    'BASE_BACKUP_FAILED',
    'the base backup is not what the server says; nothing was stored',
    {
      expected,
      found,
      hint: 'run the same command again; if it stays, run pg_basebackup and pg_verifybackup by hand, and look at the disk',
    },
  );
}
