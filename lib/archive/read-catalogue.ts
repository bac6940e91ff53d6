// catalogue: reads from the store which archives a source has, and what is proven about each.

import { eachOf } from '../base/each-of.ts';
import { nothingIf } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import type { ArchiveStore } from '../store/store.ts';
import { type Acceptance, parseAcceptance } from './acceptance.ts';
import type { ByteVerdict } from './byte-verdict.ts';
import {
  byAge,
  type CatalogueEntry,
  countsAsIntact,
  entryOf,
  type Listed,
  needsDateWords,
} from './catalogue-of.ts';
import { type ArchiveKind, ofDatabase } from './kind.ts';
import { type ArchiveId, archiveKeys, sourcePattern, type Whose } from './names.ts';
import { readManifest } from './read-manifest.ts';
import { type Verdict, verdictSchema } from './verdict.ts';

/** Verdicts read at once, where all are wanted. */
const readsInFlight = 16;

export type CatalogueOptions = {
  /** Default: the database's archives. */
  readonly kind?: ArchiveKind;
  /**
   * How many intact archives decide: verdicts are read newest first until so many are known, and no further. Default:
   * all are read.
   */
  readonly intactEnough?: number;
};

type Found = { -readonly [K in keyof Listed]: Listed[K] };

/** Sources that have anything below prefixes. Whatever else somebody keeps there has no name of a source. */
export async function sourcesBelow(store: ArchiveStore, ...prefixes: readonly string[]): Promise<string[]> {
  const folders = await Promise.all(prefixes.map((prefix) => store.folders(prefix)));
  return [...new Set(folders.flat())].filter((name) => sourcePattern.test(name));
}

/**
 * Lists a source's archives of a kind.
 *
 * @returns In the order of their ids, oldest first. Where `intactEnough` ended the reading, what is older has the
 *   standing `verdict not read` if it has a verdict.
 * @remarks A source of 400 archives has 400 verdicts, and what its watcher asks is in one of them.
 */
export async function readCatalogue(
  store: ArchiveStore,
  source: string,
  { kind = ofDatabase, intactEnough = Number.POSITIVE_INFINITY }: CatalogueOptions = {},
): Promise<CatalogueEntry[]> {
  const judged = await listVerdicts(store, kind, source);
  const found = await listParts(store, kind, source);
  await addVanished(store, kind, found, judged);
  // Not every program that lists the other kinds may read their manifests.
  if (kind === ofDatabase) await readDateWords(store, found);
  for (const listed of found) {
    listed.hasVerdict = judged.has(listed.id.id);
    listed.isJudged = listed.hasVerdict && listed.verdict === undefined;
  }
  const waiting = byAge(
    found.filter(({ isJudged }) => isJudged).map((listed) => ({ ...entryOf(listed), listed })),
  );
  let missing = intactEnough;
  while (missing > 0 && waiting.length > 0) {
    const batch = waiting.splice(0, Math.min(missing, readsInFlight));
    await Promise.all(
      batch.map(async ({ listed }) => {
        listed.verdict = await verdictOf(store, kind, listed.id);
        listed.acceptance = listed.verdict && (await readAcceptance(store, listed.verdict));
        listed.isJudged = false;
      }),
    );
    missing -= batch.filter(({ listed }) => countsAsIntact(entryOf(listed).standing)).length;
  }
  return found.map(entryOf);
}

/**
 * Adds what has a verdict and nothing else any more. Retention deletes the verdict before the archive: what it has taken
 * since the verdicts were listed has none.
 */
async function addVanished(
  store: ArchiveStore,
  kind: ArchiveKind,
  found: Found[],
  judged: ReadonlyMap<string, ArchiveId>,
): Promise<void> {
  const there = new Set(found.map(({ id }) => id.id));
  for (const id of judged.values()) {
    if (there.has(id.id)) continue;
    const verdict = await verdictOf(store, kind, id);
    if (verdict !== undefined) found.push({ id, verdict });
  }
  found.sort((one, other) => (one.id.id < other.id.id ? -1 : 1));
}

/** Asks the manifests of what was stored long after its date, which are few, for the reason. */
async function readDateWords(store: ArchiveStore, found: readonly Found[]): Promise<void> {
  const late = found.filter((listed) => listed.manifest !== undefined && needsDateWords(listed));
  await eachOf(late, readsInFlight, async (listed) => {
    // One that cannot be trusted, or is gone meanwhile, gives none.
    listed.dateWords = await readManifest(store, listed.id).catch(nothingIf(/^MANIFEST_/));
  });
}

/** The operator's word on an archive; asked for of suspicious ones only. */
export async function readAcceptance(
  store: ArchiveStore,
  verdict: Verdict | ByteVerdict,
): Promise<Acceptance | undefined> {
  if (verdict.verdict !== 'suspicious') return undefined;
  const stored = await store.readText(archiveKeys(verdict).acceptance);
  return stored && parseAcceptance(stored.text, verdict);
}

/** An archive's verdict; `undefined` if there is none, or none that this version understands. */
export async function readVerdict(store: ArchiveStore, id: Whose): Promise<Verdict | undefined> {
  return parseJson(verdictSchema, (await store.readText(archiveKeys(id).verdict))?.text);
}

async function verdictOf(store: ArchiveStore, { keysOf, verdictSchema }: ArchiveKind, id: Whose) {
  return parseJson(verdictSchema, (await store.readText(keysOf(id).verdict))?.text);
}

/** What there is of a source's archives, verdicts apart. */
async function listParts(store: ArchiveStore, kind: ArchiveKind, source: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  for await (const object of store.list(`${kind.prefix}${source}/`)) {
    const parsed = kind.parseKey(object.key);
    if (parsed?.part !== 'archive' && parsed?.part !== 'manifest') continue;
    const one: Found = found.get(parsed.id.id) ?? { id: parsed.id };
    one[parsed.part] = object;
    found.set(parsed.id.id, one);
  }
  return [...found.values()];
}

/** Which archives of a source have a verdict, by their ids. */
async function listVerdicts(
  store: ArchiveStore,
  kind: ArchiveKind,
  source: string,
): Promise<Map<string, ArchiveId>> {
  const judged = new Map<string, ArchiveId>();
  for await (const { key } of store.list(`${kind.verdictsPrefix}${source}/`)) {
    const parsed = kind.parseKey(key);
    if (parsed?.part === 'verdict') judged.set(parsed.id.id, parsed.id);
  }
  return judged;
}
