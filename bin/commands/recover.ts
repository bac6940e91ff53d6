// offsite recover: the disaster-recovery checklist of BitAgent's documentation, done and proven.

import { hostname } from 'node:os';
import { countedRows } from '../../lib/archive/catalogue-of.ts';
import { parseArchiveId } from '../../lib/archive/names.ts';
import { selectArchive } from '../../lib/archive/select.ts';
import { parseDuration } from '../../lib/base/quantities.ts';
import { type Check, diagnosisExitCode, sumOf } from '../../lib/doctor/diagnosis.ts';
import type { Connection } from '../../lib/postgres/connection.ts';
import { type App, checkRecovery, usualLimits } from '../../lib/recover/checks.ts';
import { notedFile } from '../../lib/recover/noted.ts';
import { checkDisk, type Prepared, prepare } from '../../lib/recover/prepare.ts';
import { type Recovery, recoverySteps } from '../../lib/recover/recover.ts';
import type { Stack, StackOptions } from '../../lib/recover/stack.ts';
import { planSteps, type StepState, takeSteps } from '../../lib/recover/steps.ts';
import { byHand, describeRecovery } from '../../lib/recover/words.ts';
import { compareWithInventory } from '../../lib/restore/compare.ts';
import { restoreInPlace } from '../../lib/restore/in-place.ts';
import { openVault } from '../../lib/restore/restorable.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { confirm } from './confirm.ts';
import { usage } from './flags.ts';
import { print, printJson, tell, warn } from './print.ts';
import { whileRestoring } from './restoring-progress.ts';
import { retyped } from './retyped.ts';

type Flags = StackOptions & {
  user?: string;
  dbname?: string;
  appUrl?: string;
  dashboardUrl?: string;
  apiKey?: string;
  archive?: string;
  dhtWait: string;
  putAside?: boolean;
  check?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
  quiet?: boolean;
};

const usualUrl = 'http://127.0.0.1:3333';

export async function runRecover(settings: Settings, flags: Flags, signal: AbortSignal): Promise<void> {
  const dhtWithinMs = parseDuration(flags.dhtWait, '--dht-wait');
  const wanted = flags.archive ?? 'latest';
  if (wanted !== 'latest') parseArchiveId(wanted);
  const appOf = addressed(flags);
  const store = createS3Store(settings);
  const { source } = settings;
  const prepared = { source, ...(await prepare({ ...flags, store, source, wanted }, signal)) };
  const app = appOf(prepared.stack);
  if (flags.check) {
    const checks = await checkAll(prepared, app, flags, signal);
    return report(
      { checks, app, well: 'BitAgent is as it should be', ill: 'BitAgent is not as it should be' },
      flags,
    );
  }
  const { engine, stack, archive } = prepared;
  const notYet = { app, well: 'ready to recover', ill: 'nothing was changed' };
  if (engine === undefined || stack === undefined || archive === undefined) {
    return report({ checks: prepared.checks, ...notYet }, flags);
  }
  const database = flags.dbname ?? stack.database.database;
  let counted: number | undefined;
  const recovery: Recovery = {
    ...{ stack, engine: engine.id, source, app, dhtWithinMs, signal },
    archive: { id: archive.selection.id.id, torrents: countedRows(archive.selection.entry) },
    isNamed: wanted !== 'latest',
    connectionTo: (container) => connectionTo(stack, container, flags),
    database,
    limits: usualLimits,
    notes: notedFile(source),
    bringBack: (connection) =>
      bringBackFrom({ store, source, id: archive.selection.id.id, connection, database }, flags, signal),
    holdsAllOf: (connection, id) => holdsAllOf(store, connection, id, signal),
    mayPutAside: flags.putAside ?? false,
    onCounted: (rows) => {
      counted = rows;
    },
    say: (line) => tell(line),
    warn,
  };
  const steps = recoverySteps(recovery);
  const plan = await planSteps(steps);
  const isOpen = plan.some(({ name, proof }) => name === 'restore' && proof === undefined);
  const disk = isOpen ? [await checkDisk(stack.folder ?? engine.folder, archive.manifest)] : [];
  const checks = [...prepared.checks, ...disk];
  if (flags.dryRun || diagnosisExitCode(checks) !== 0) return report({ checks, plan, ...notYet }, flags);
  if (!flags.quiet) tell(describeRecovery({ checks, plan, sum: '' }, 80).trimEnd());
  if (plan.some(({ proof }) => proof === undefined)) {
    const about = 'steps that are not done yet (--dry-run shows them)';
    await confirm({ text: 'Begin? [y/N] ', answers: ['y', 'yes', 'Y'], isSaid: flags.yes, about }, signal);
  }
  const taken = await takeSteps(steps, plan, (line) => tell(line));
  // Once a step was taken, it may be another number.
  const rows = plan.every(({ proof }) => proof !== undefined) ? counted : undefined;
  return report(
    {
      checks: await checkAll({ ...prepared, rows }, app, flags, signal),
      app,
      plan: taken,
      archive: (await recovery.notes.read())?.archive,
      well: 'BitAgent is back',
      ill: 'BitAgent is not back as it should be',
    },
    flags,
  );
}

type Outcome = {
  readonly checks: readonly Check[];
  readonly app: App;
  readonly plan?: readonly StepState[];
  /** The one that was restored, where it is over. */
  readonly archive?: string | undefined;
  readonly well: string;
  readonly ill: string;
};

function report({ checks, app, plan, archive, well, ill }: Outcome, { json }: Flags): void {
  process.exitCode = diagnosisExitCode(checks);
  const left = archive === undefined ? undefined : byHand(app.url, hostname()).map(retyped);
  if (json) {
    const told = checks.map(({ exitCode: _, ...check }) => check);
    printJson('recover', { well: process.exitCode === 0, archive, steps: plan, checks: told, byHand: left });
    return;
  }
  const columns = Math.min(process.stdout.columns || 80, 100);
  print(describeRecovery({ checks, plan, byHand: left, sum: sumOf(checks, well, ill) }, columns));
}

async function checkAll(
  {
    source,
    stack,
    engine,
    archive,
    checks,
    rows,
  }: Prepared & { readonly source: string; readonly rows?: number | undefined },
  app: App,
  flags: Flags,
  signal: AbortSignal,
): Promise<Check[]> {
  const noted = await notedFile(source).read();
  const isOfHere = noted?.restored !== undefined && noted.engine === engine?.id;
  const missing = checks.find(({ outcome }) => outcome === 'fail');
  const container = stack && (await stack.postgres.look(signal));
  return checkRecovery(
    app,
    stack === undefined || archive === undefined || container === undefined
      ? { missing: missing ?? { name: 'count', outcome: 'fail', found: 'the database has no container' } }
      : {
          connection: connectionTo(stack, container.id, flags),
          database: flags.dbname ?? stack.database.database,
          rows,
          inArchive: isOfHere ? noted.torrents : countedRows(archive.selection.entry),
        },
    usualLimits,
    signal,
  );
}

/** Reads the addresses and keys that were given, at once; what was not, the stack says. */
function addressed(flags: Flags): (stack: Stack | undefined) => App {
  const url = urlOf(flags.appUrl, '--app-url');
  const withoutDashboard = flags.dashboardUrl === 'none';
  const dashboardUrl = withoutDashboard ? undefined : urlOf(flags.dashboardUrl, '--dashboard-url');
  const { BITAGENT_API_KEY, BITAGENT_DASHBOARD_KEY } = process.env;
  return (stack) => {
    const known = withoutDashboard ? undefined : urlOf(stack?.addresses.dashboard, '');
    return {
      url: url ?? new URL(stack?.addresses.app ?? usualUrl),
      dashboardUrl: dashboardUrl ?? known,
      apiKey: flags.apiKey || BITAGENT_API_KEY || stack?.keys.torznab,
      dashboardKey: BITAGENT_DASHBOARD_KEY || stack?.keys.dashboard,
    };
  };
}

function urlOf(text: string | undefined, flag: string): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw usage(`${flag} with an address: ${usualUrl}`, 'another text', `say for example ${flag} ${usualUrl}`);
}

function connectionTo({ database }: Stack, container: string, flags: Flags): Connection {
  const user = flags.user ?? database.user;
  return { via: 'container', container, user, password: database.password };
}

type Target = {
  readonly store: ArchiveStore;
  readonly source: string;
  readonly id: string;
  readonly connection: Connection;
  readonly database: string;
};

async function bringBackFrom(
  { store, source, id, connection, database }: Target,
  { quiet }: Flags,
  signal: AbortSignal,
): Promise<void> {
  const restorable = await openVault(store, source, id);
  await whileRestoring({ restorable, quiet }, signal, (reading) =>
    restoreInPlace({ ...reading, connection, database, placing: { how: 'swap' }, createRoles: true }),
  );
}

async function holdsAllOf(
  store: ArchiveStore,
  connection: Connection,
  id: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { entry } = await selectArchive(store, parseArchiveId(id).source, id, true);
  if (entry.inventory === undefined) return false;
  const comparisons = await compareWithInventory(connection, entry.inventory, { signal });
  return comparisons.every(({ same }) => same);
}
