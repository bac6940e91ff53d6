// What can be restored: an archive of the vault, with its manifest and what its verdict says is in it.

import type { Readable } from 'node:stream';
import type { Inventory } from '../archive/inventory.ts';
import type { Manifest } from '../archive/manifest.ts';
import { openArchive } from '../archive/open-archive.ts';
import { readManifest } from '../archive/read-manifest.ts';
import { selectArchive } from '../archive/select.ts';
import { dumpByHand } from '../postgres/statement-error.ts';
import type { ArchiveStore } from '../store/store.ts';
import { inflateArchive } from './archive-bytes.ts';

/** Lets somebody see the compressed bytes pass. */
export type Metered = (body: Readable, expected?: number) => Readable;

export type Restorable = {
  /** For a person. */
  readonly name: string;
  readonly id?: string | undefined;
  readonly manifest?: Manifest | undefined;
  /** Where somebody has looked into it before. */
  readonly inventory?: Inventory | undefined;
  readonly plainBytes?: number | undefined;
  /** How a person reads the plain dump, for a shell. */
  readonly byHand: string;
  /** What is read: compressed, or not. */
  readonly bytes: number;
  /** What should be known before it is relied upon. */
  readonly warning?: string | undefined;
  /** The plain dump; it fails rather than end where it is not whole. */
  dump(metered: Metered, signal?: AbortSignal): AsyncIterable<Uint8Array>;
};

/**
 * @param connections - That bring it side by side; default 1.
 * @throws {@link OffsiteError} As {@link selectArchive}; what is not there.
 */
export async function openVault(
  store: ArchiveStore,
  source: string,
  wanted: string,
  { any = false, connections }: { readonly any?: boolean | undefined; readonly connections?: number } = {},
): Promise<Restorable> {
  const { id, entry, warning } = await selectArchive(store, source, wanted, any);
  const manifest = await readManifest(store, id);
  async function* dump(metered: Metered, signal?: AbortSignal) {
    const { body } = await openArchive(store, id, manifest, { connections });
    yield* inflateArchive(metered(body, manifest.compressedBytes), manifest, { signal }).dump;
  }
  return {
    name: id.id,
    id: id.id,
    manifest,
    // Of another standing, nobody has said that its bytes are those.
    inventory: entry.standing === 'intact' || entry.standing === 'accepted' ? entry.inventory : undefined,
    plainBytes: manifest.plainBytes,
    byHand: dumpByHand.replace('ID', id.id),
    bytes: manifest.compressedBytes,
    warning,
    dump,
  };
}
