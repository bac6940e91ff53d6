import { selectArchive } from '../../lib/archive/select.ts';
import { exitCodes } from '../../lib/base/errors.ts';
import { formatBytes, formatCount, plural } from '../../lib/base/quantities.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { backupSidecar } from '../../lib/sidecar/backup.ts';
import type { SidecarPlace } from '../../lib/sidecar/copy.ts';
import { ofSidecar } from '../../lib/sidecar/kind.ts';
import type { SidecarManifest } from '../../lib/sidecar/manifest.ts';
import { restoreSidecar } from '../../lib/sidecar/restore.ts';
import { verifySidecar } from '../../lib/sidecar/verify.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { usage } from './flags.ts';
import { runList } from './list.ts';
import { deviationLines, print, printJson, tell, warn } from './print.ts';

type Flags = { path?: string; container?: string; to?: string; any?: boolean; json?: boolean };

/** As BitAgent's Compose file has it. */
const insideContainer = '/data/bitagent-ui.db';

export async function runSidecar(
  settings: Settings,
  what: string,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  if (what === 'backup') return runSidecarBackup(settings, flags, signal);
  if (what === 'list') return runList([settings], flags, 'sidecar');
  if (what === 'verify') return runSidecarVerify(settings, wanted, flags, signal);
  return runSidecarRestore(settings, wanted, flags, signal);
}

async function runSidecarBackup(settings: Settings, flags: Flags, signal: AbortSignal): Promise<void> {
  const place = placeOf(settings, flags);
  if (place === undefined) throw notNamed('--path FILE or --container NAME, or "sidecar" in the settings');
  const store = createS3Store(settings);
  const now = () => new Date();
  const manifest = await backupSidecar({ source: settings.source, place, store, now, signal });
  const { id, plainBytes, compressedBytes, sha256 } = manifest;
  if (flags.json)
    printJson('sidecar backup', { id, plainBytes, compressedBytes, sha256, rows: manifest.contents.rows });
  else print(`${id}  ${describe(manifest)}, ${formatBytes(compressedBytes)} stored\n`);
}

async function runSidecarVerify(
  settings: Settings,
  wanted: string,
  { json }: Flags,
  signal: AbortSignal,
): Promise<void> {
  const store = createS3Store(settings);
  const { id } = await selectArchive(store, settings.source, wanted, true, ofSidecar);
  const verdict = await verifySidecar({ store, id, now: () => new Date(), signal });
  if (json) printJson('sidecar verify', verdict);
  else print(`${[`${id.id}  ${verdict.verdict}`, ...deviationLines(verdict.deviations)].join('\n')}\n`);
  if (verdict.verdict !== 'intact') process.exitCode = exitCodes.notIntact;
}

async function runSidecarRestore(
  settings: Settings,
  wanted: string,
  flags: Flags,
  signal: AbortSignal,
): Promise<void> {
  const place = placeOf(settings, flags);
  const path = flags.to ?? (place?.container === undefined ? place?.path : undefined);
  if (path === undefined) throw notNamed('--to FILE: where the database is on this machine');
  const store = createS3Store(settings);
  const { id, warning } = await selectArchive(store, settings.source, wanted, flags.any ?? false, ofSidecar);
  warn(warning);
  const { container } = place ?? {};
  const now = () => new Date();
  const { manifest, before } = await restoreSidecar({ store, id, path, container, now, signal });
  if (flags.json)
    return printJson('sidecar restore', {
      id: id.id,
      path,
      before: before ?? null,
      rows: manifest.contents.rows,
    });
  print(`${id.id}  restored as ${path}: ${describe(manifest)}\n`);
  if (before !== undefined)
    tell(`what was there is ${before}: remove it once the dashboard shows what it should`);
}

/** Flags win over settings; a file of this machine that is named on the command line is in no container. */
function placeOf({ sidecar }: Settings, { path, container }: Flags): SidecarPlace | undefined {
  const inside = container ?? (path === undefined ? sidecar?.container : undefined);
  const file = path ?? (container === undefined ? sidecar?.path : undefined);
  if (inside !== undefined) return { path: file ?? insideContainer, container: inside };
  return file === undefined ? undefined : { path: file };
}

function describe({ plainBytes, contents }: SidecarManifest): string {
  const rows = Object.values(contents.rows);
  const sum = rows.reduce((all, one) => all + one, 0);
  return `${formatBytes(plainBytes)}, ${formatCount(sum)} rows in ${plural(rows.length, 'table')}`;
}

function notNamed(expected: string) {
  return usage(expected, 'neither', "see 'offsite sidecar --help'; what is not named is not archived");
}
