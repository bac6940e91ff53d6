// doctor: would a back-up succeed tonight, and is the agent as harmless as it should be? Looks at everything that a
// back-up needs, one after the other; nothing remains of it, here or in the vault.

import { dump } from '../backup/dump.ts';
import { DumpEdges } from '../backup/edges.ts';
import { endWhenStalled } from '../backup/stall.ts';
import { OffsiteError } from '../base/errors.ts';
import { type ChildFailure, textOf } from '../base/process.ts';
import { formatBytes, formatDuration } from '../base/quantities.ts';
import { clientError } from '../postgres/client-error.ts';
import { type Connection, describeConnection } from '../postgres/connection.ts';
import { clientCommand, query } from '../postgres/programs.ts';
import type { DumpSettings } from '../settings/config.ts';
import { connectionFromSettings } from '../settings/settings.ts';
import { attempt } from './attempt.ts';
import { type Check, failed, passed, warned } from './diagnosis.ts';
import { examineLog, type LogOptions } from './log.ts';
import type { VaultProbe } from './probe.ts';
import { examineVault } from './vault.ts';

export type DoctorOptions = {
  readonly dump: DumpSettings;
  readonly vault: VaultProbe;
  /** The last id that this agent used, and the last archive that it stored. */
  readonly lastId?: string | undefined;
  readonly lastArchiveId?: string | undefined;
  /** The name of the compressor that a back-up would take. */
  readonly compressor: string;
  /** Where the state is, and why it could not be written. */
  readonly state: { readonly path: string; readonly warning: string | undefined };
  /** Of point-in-time recovery, which is looked at where it is used or asked for. */
  readonly log?: Pick<LogOptions, 'slotName' | 'folder' | 'isWanted'> | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** In place of {@link answerWithinMs}. */
  readonly withinMs?: number;
};

type Limits = { readonly signal: AbortSignal | undefined; readonly withinMs: number };

/** How long a program, a server or the store may take to answer, and a dump to its first byte. */
export const answerWithinMs = 60_000;

/** Looks at everything that a back-up needs. */
export async function doctor(options: DoctorOptions): Promise<Check[]> {
  const limits = { signal: options.signal, withinMs: options.withinMs ?? answerWithinMs };
  return [
    ...(await examineDatabase(options.dump, limits, options.log)),
    ...(await examineVault(options)),
    examineCompressor(options.compressor),
    examineState(options.state),
  ];
}

async function examineDatabase(
  settings: DumpSettings,
  limits: Limits,
  log: DoctorOptions['log'],
): Promise<Check[]> {
  if (settings.via === 'command') return [await examineDump(settings, limits)];
  const connection = connectionFromSettings(settings);
  const within = () => limited(connection, limits);
  const checks: Check[] = [];
  const client = await attempt('pg_dump', () => pgDumpVersion(connection, within()));
  if (isCheck(client)) checks.push(client);
  // What keeps pg_dump from starting in a container keeps psql from it, too.
  if (isCheck(client) && connection.via === 'container') return [{ ...client, name: 'container' }];
  const server = await attempt('database', () => lookAtServer(connection, within()));
  if (isCheck(server)) return [...checks, server];
  if (!isCheck(client)) checks.push(compareVersions(client, server.version));
  checks.push(
    passed(
      'database',
      `${describeConnection(connection)}: PostgreSQL ${server.version}, ${formatBytes(server.bytes)}`,
    ),
  );
  if (checks.some(({ outcome }) => outcome === 'fail')) return checks;
  const readable = examineRights(server.unreadable);
  checks.push(readable);
  if (readable.outcome !== 'fail') checks.push(await examineDump(settings, limits));
  const ofLog = log && (await attempt('log', () => examineLog({ ...log, connection, signal: within() })));
  return [...checks, ...(ofLog === undefined ? [] : isCheck(ofLog) ? [ofLog] : ofLog)];
}

/** A signal that also aborts when an answer takes too long. */
function limited(connection: Connection, { signal, withinMs }: Limits): AbortSignal {
  const limit = new AbortController();
  const silent = new OffsiteError('DATABASE_UNREACHABLE', 'there is no answer', {
    expected: `an answer within ${formatDuration(withinMs)}`,
    found: 'silence',
    hint: `try it by hand: ${connection.via === 'container' ? `docker exec ${connection.container} ` : ''}psql -c 'SELECT 1'`,
  });
  setTimeout(() => limit.abort(silent), withinMs).unref();
  return signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
}

async function pgDumpVersion(connection: Connection, signal?: AbortSignal): Promise<string> {
  const command = clientCommand(connection, 'pg_dump', ['--version']);
  const errorOf = (failure: ChildFailure) => clientError(connection, 'pg_dump', failure);
  const text = await textOf(command, { errorOf, signal });
  return /\d\S*/.exec(text)?.[0] ?? text.trim();
}

type Server = { readonly version: string; readonly bytes: number; readonly unreadable: readonly string[] };

/** What pg_dump would be refused: tables that may not be read, and those whose rows a policy would hide. */
const unreadableSql = `
  SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (NOT has_schema_privilege(n.oid, 'USAGE')
      OR NOT (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                   ELSE has_table_privilege(c.oid, 'SELECT') END)
      OR (c.relkind <> 'S' AND row_security_active(c.oid)))
  ORDER BY 1`;

async function lookAtServer(connection: Connection, signal?: AbortSignal): Promise<Server> {
  const [[version = '', bytes = '0'] = []] = await query(
    connection,
    `SELECT split_part(current_setting('server_version'), ' ', 1), pg_database_size(current_database())`,
    { signal },
  );
  const rows = await query(connection, unreadableSql, { signal });
  return { version, bytes: Number(bytes), unreadable: rows.map(([name = '']) => name) };
}

/** What pg_dump sets at the head of every dump, and the version that brought it. */
const newSettings = [{ since: 17, name: 'transaction_timeout' }] as const;

function compareVersions(client: string, server: string): Check {
  const found = `pg_dump ${client} for a server ${server}`;
  const [ours, theirs] = [Number.parseInt(client, 10), Number.parseInt(server, 10)];
  if (ours === theirs) return passed('pg_dump', found);
  if (ours > theirs) {
    const sets = newSettings.filter(({ since }) => ours >= since && theirs < since).map(({ name }) => name);
    const refusal =
      sets.length === 0
        ? ''
        : `: its dumps set ${sets.join(', ')}, at which psql stops on an older server ('offsite restore' leaves it out)`;
    return {
      name: 'pg_dump',
      outcome: sets.length === 0 ? 'pass' : 'warn',
      found: `${found}${refusal}`,
      advice: `its dumps are meant for PostgreSQL ${ours} or newer: restore there, or dump with pg_dump ${theirs} (Debian: postgresql-client-${theirs}; or --container NAME)`,
    };
  }
  return failed(
    'pg_dump',
    `pg_dump is older than the server: ${found}`,
    `install the newer client (Debian: postgresql-client-${theirs}), or dump inside the container: --container NAME`,
  );
}

function examineRights(unreadable: readonly string[]): Check {
  const name = 'rights';
  if (unreadable.length === 0) return passed(name, 'every table and sequence may be read');
  const more = unreadable.length > 3 ? ` and ${unreadable.length - 3} more` : '';
  return failed(
    name,
    `pg_dump would be refused: ${unreadable.slice(0, 3).join(', ')}${more} may not be read, or a row policy hides rows`,
    'dump as the role that owns the database, or GRANT pg_read_all_data (and BYPASSRLS) to this one',
  );
}

/** Starts the very dump of a back-up and ends it after its first bytes: pg_dump has locked every table by then. */
async function examineDump(settings: DumpSettings, { signal, withinMs }: Limits): Promise<Check> {
  const name = 'dump';
  const warnings: string[] = [];
  const onWarning = (sentence: string) => void warnings.push(sentence);
  const outcome = await attempt(name, async () => {
    const edges = new DumpEdges();
    let head = '';
    for await (const chunk of endWhenStalled(
      (either) => dump(settings, { signal: either, onWarning }),
      withinMs,
      signal,
    )) {
      edges.push(chunk);
      head += new TextDecoder().decode(chunk);
      if (head.length > 1000) break;
    }
    if (edges.plainBytes === 0) edges.finish();
    return /^-- Dumped by pg_dump version (.+)$/m.exec(head)?.[1];
  });
  if (isCheck(outcome)) return outcome;
  const by = outcome === undefined ? '' : ` by pg_dump ${outcome}`;
  const begins = `a plain dump${by} begins`;
  if (warnings.length > 0) return warned(name, begins, warnings.join('\n'));
  return passed(name, `${begins}; it was ended after its first bytes`);
}

/** @see design/performance.md: pg_dump, compressor and upload together, on two cores. */
function examineCompressor(found: string): Check {
  const name = 'compressor';
  if (found.startsWith('igzip')) return passed(name, 'igzip: as fast as pg_dump itself');
  const advice =
    'install igzip (Debian, Ubuntu: apt-get install isal): it takes a third of the time at the same size';
  return found.startsWith('pigz')
    ? passed(name, 'pigz', advice)
    : warned(name, "Node's own zlib: a back-up takes about 1.6 times as long as pg_dump alone", advice);
}

function examineState({ path, warning }: DoctorOptions['state']): Check {
  if (warning === undefined) return passed('state', path);
  return warned(
    'state',
    warning,
    `let this user write ${path}: mkdir /var/lib/offsite, or set XDG_STATE_HOME`,
  );
}

function isCheck(value: unknown): value is Check {
  return typeof value === 'object' && value !== null && 'outcome' in value;
}
