// Where a dump is restored that may be anybody's: a database of its own, and an ordinary role that may do there what the
// dump's owners may, and nothing else. A dump that asks for a program, a file or a superuser is refused by the server.

import { randomBytes } from 'node:crypto';
import { splitName } from '../archive/comparison.ts';
import type { Inventory } from '../archive/inventory.ts';
import { OffsiteError } from '../base/errors.ts';
import { quoteIdentifier, quoteLiteral } from '../postgres/programs.ts';
import { askWithin, inSession, type ServerConnection, type Session } from '../postgres/session.ts';
import { attemptsFor, type Making } from '../restore/new-database.ts';
import { withoutFirstDrops } from '../restore/plan.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { Omissions } from './omissions.ts';

export type SandboxOptions = {
  /** As the superuser of a server that is thrown away. Its name must not be one that a dump could hold. */
  readonly connection: ServerConnection;
  readonly database: string;
  readonly inventory: Pick<Inventory, 'roles' | 'extensions'>;
  /** What the source's database was made with; without it, text is in the order of its bytes, which is fastest. */
  readonly making?: Making | undefined;
};

export type Sandbox = {
  /** As the role that restores, and then reads every row of every table, whatever its owner has forbidden. */
  readonly connection: ServerConnection;
  /** What is left out of the dump for the sandbox's sake. */
  readonly omissions: Omissions;
  /** Whether a statement of the dump was done beforehand or cannot be done here, and must not be run. */
  readonly skips: (tokens: readonly string[], line?: number) => boolean;
  /** What its database was made with in place of what was wanted, if this server cannot make that. */
  readonly instead: string | undefined;
  /** Takes it away with all that is in it. */
  readonly remove: () => Promise<void>;
};

/**
 * Extensions that only a superuser may create, and whose functions reach neither files nor programs nor the network, or
 * ask for a superuser themselves. All others are left out, and what needs them.
 *
 * @remarks Trusted ones (pg_trgm, btree_gin …) the role may create by itself.
 * @see https://www.postgresql.org/docs/16/contrib.html
 */
const harmlessExtensions = new Set([
  'amcheck',
  'bloom',
  'earthdistance',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_visibility',
  'pgrowlocks',
  'pgstattuple',
  'vector',
]);

/**
 * Makes database, roles and extensions.
 *
 * @throws `OffsiteError` `EXTENSION_MISSING` if the server lacks one; `RESTORE_REFUSED` if it has roles of those names.
 */
export async function makeSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { connection, database, inventory } = options;
  const names = [...new Set(inventory.roles.map((role) => splitName(role)[0] ?? role))];
  // Predefined roles may run programs and read files: a dump that names them is given nothing of theirs.
  const owners = names.filter((name) => !name.startsWith('pg_'));
  const restorer = `offsite_restorer_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(18).toString('base64url');
  const [owner = restorer, ...others] = owners;
  const instead = await inSession(connection, undefined, undefined, async (session) => {
    await assertFree(session, owners);
    const [version] = await askWithin(session, 'SHOW server_version_num');
    const major = Math.floor(Number(version?.[0]) / 10_000);
    await askWithin(session, rolesSql({ restorer, password, owner, others, readsAll: major >= 14 }));
    return createDatabase(session, options, owner, major);
  });
  const premade = await inSession(connection, database, undefined, async (session) => {
    await askWithin(session, schemasSql(restorer, owners));
    return premakeExtensions(session, inventory);
  });
  const omissions = new Omissions();
  const withoutDrops = withoutFirstDrops();
  return {
    connection: { via: 'server', env: { ...connection.env, PGUSER: restorer, PGPASSWORD: password } },
    omissions,
    instead,
    skips: (tokens, line = 0) =>
      withoutDrops(tokens) || commentsOn(tokens, premade) || omissions.leavesOut(tokens, line),
    remove: () =>
      inSession(connection, undefined, undefined, async (session) => {
        await askWithin(session, `DROP DATABASE ${quoteIdentifier(database)} WITH (FORCE)`);
        await askWithin(session, `DROP ROLE ${[restorer, ...owners].map(quoteIdentifier).join(', ')}`);
      }),
  };
}

/** A role that is there may do more than an owner in a sandbox, and is somebody's. */
async function assertFree(session: Session, owners: readonly string[]): Promise<void> {
  const names = owners.map(quoteLiteral).join(', ') || 'NULL';
  const there = await askWithin(
    session,
    `SELECT rolname FROM pg_roles WHERE rolname IN (${names}) ORDER BY 1`,
  );
  if (there.length === 0) return;
  const found = there.flat().join(', ');
  throw new OffsiteError('RESTORE_REFUSED', 'the server already has roles that the dump names', {
    expected: 'a server that is there for restore tests alone',
    found,
    hint: `nothing was restored. If a restore test that was killed has left them (no database is theirs), drop them: psql -c 'DROP ROLE ${found}'; else name another server (restoreUrl, OFFSITE_RESTORE_URL), or none`,
  });
}

/** @returns What it was made with in place of what was wanted. */
async function createDatabase(
  session: Session,
  { database, making }: SandboxOptions,
  owner: string,
  major: number,
): Promise<string | undefined> {
  let refusal: unknown;
  for (const way of making === undefined ? [{ options: "ENCODING 'UTF8'" }] : attemptsFor(making, major)) {
    const name = `${quoteIdentifier(database)} OWNER ${quoteIdentifier(owner)}`;
    const creating = askWithin(session, `CREATE DATABASE ${name} TEMPLATE template0 ${way.options}`);
    const error = await creating.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (error === undefined) return 'instead' in way ? way.instead : undefined;
    refusal ??= error;
  }
  throw refusal;
}

/**
 * The role that restores is a member of all owners, and they are members of the first, who owns the database. It sees every
 * row, and all may read every table: an owner may have lost his own right to, and a materialized view is filled as its own
 * owner. None of it is a superuser, for what they read may run a function of the dump.
 */
function rolesSql(roles: {
  restorer: string;
  password: string;
  owner: string;
  others: readonly string[];
  /** Whether there is a predefined role that reads everything: since version 14. */
  readsAll: boolean;
}): string {
  const { restorer, password, owner, others, readsAll } = roles;
  const owners = owner === restorer ? [] : [owner, ...others];
  const quoted = owners.map(quoteIdentifier);
  return [
    `CREATE ROLE ${quoteIdentifier(restorer)} LOGIN NOSUPERUSER BYPASSRLS PASSWORD ${quoteLiteral(password)};`,
    ...quoted.map((name) => `CREATE ROLE ${name} NOLOGIN;`),
    ...quoted.slice(1).map((name) => `GRANT ${quoted[0]} TO ${name};`),
    ...quoted.map((name) => `GRANT ${name} TO ${quoteIdentifier(restorer)};`),
    ...(readsAll ? [quoteIdentifier(restorer), ...quoted] : []).map(
      (name) => `GRANT pg_read_all_data TO ${name};`,
    ),
  ].join('\n');
}

/** So each may be given what stands in a schema of another. */
function schemasSql(restorer: string, owners: readonly string[]): string {
  if (owners.length === 0) return 'SELECT';
  const names = owners.map(quoteIdentifier).join(', ');
  return `ALTER DEFAULT PRIVILEGES FOR ROLE ${quoteIdentifier(restorer)} GRANT ALL ON SCHEMAS TO ${names};
    GRANT ALL ON SCHEMA public TO ${names}`;
}

async function premakeExtensions(
  session: Session,
  inventory: SandboxOptions['inventory'],
): Promise<Set<string>> {
  const wanted = inventory.extensions.map((name) => splitName(name)[0] ?? name);
  const rows = await askWithin(
    session,
    `SELECT e.name, bool_or(v.trusted OR NOT v.superuser) FROM pg_available_extensions e
     JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version GROUP BY e.name`,
  );
  const mayBeMade = new Map(rows.map(([name = '', free]) => [name, free === 't']));
  const missing = wanted.filter((name) => !mayBeMade.has(name));
  if (missing.length > 0)
    throw new OffsiteError('EXTENSION_MISSING', 'the server lacks an extension that the dump needs', {
      expected: `the extension ${missing.join(', ')} to be installed beside the server`,
      found: 'no such extension',
      hint: 'install its package on this machine (apt-cache search finds it), or in bin/restore-test.Dockerfile after FROM postgres',
    });
  const premade = wanted.filter((name) => mayBeMade.get(name) === false && harmlessExtensions.has(name));
  for (const name of premade) await askWithin(session, `CREATE EXTENSION ${quoteIdentifier(name)} CASCADE`);
  return new Set(['plpgsql', ...premade]);
}

/** Only the owner of an extension may comment on it, and of these that is a superuser. */
function commentsOn(tokens: readonly string[], premade: ReadonlySet<string>): boolean {
  const cursor = new TokenCursor(tokens);
  if (!cursor.skip('COMMENT', 'ON', 'EXTENSION')) return false;
  const name = cursor.identifier();
  return name !== undefined && premade.has(splitName(name)[0] ?? name);
}
