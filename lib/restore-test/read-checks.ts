// read-checks: the shipped checks and the operator's own, which take the place of shipped ones by name.

import type { ArchiveId } from '../archive/names.ts';
import type { ArchiveStore } from '../store/store.ts';
import { bitagentChecks } from './bitagent-checks.ts';
import { checksKey, parseChecks } from './checks.ts';
import type { CheckFile } from './run-checks.ts';

/**
 * Reads what a restored database is asked.
 *
 * @param given - The operator's own checks; those in the vault when not given, if there are any.
 * @throws `OffsiteError` `CHECKS_INVALID`, before anything is restored.
 */
export async function readChecks(
  store: ArchiveStore,
  { source }: ArchiveId,
  given: { readonly text: string; readonly file: string } | undefined,
): Promise<CheckFile[]> {
  const shipped = parseChecks(bitagentChecks, 'the shipped checks');
  const key = checksKey(source);
  const stored = given === undefined ? await store.readText(key) : undefined;
  const own = given ?? (stored && { text: stored.text, file: key });
  if (own === undefined) return [{ checks: shipped, origin: 'shipped' }];
  const ownChecks = parseChecks(own.text, own.file);
  const names = new Set(ownChecks.map(({ name }) => name));
  return [
    { checks: shipped.filter(({ name }) => !names.has(name)), origin: 'shipped' },
    { checks: ownChecks, origin: 'own' },
  ];
}
