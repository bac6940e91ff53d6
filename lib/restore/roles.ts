// The roles and tablespaces that a dump names: the server's, which no dump makes. Who owns something must be there; who is merely
// granted something need not: then the grant is left out, and said so. What lay in a tablespace that is not here is placed where a
// new table lies.

import { OffsiteError } from '../base/errors.ts';
import { quoteIdentifier } from '../postgres/programs.ts';
import { DumpContents } from '../sql/contents.ts';
import { DumpScanner } from '../sql/scanner.ts';
import { TokenCursor } from '../sql/token-cursor.ts';
import { plainName } from './dump-head.ts';
import type { LeavesOut } from './plan.ts';
import type { Run } from './server.ts';

export type RolesWanted = {
  /** Who owns what the dump makes, or the database; names as they are. */
  readonly owners: readonly string[];
  /** All that the dump names, as far as that is known. */
  readonly named: readonly string[];
  /** Those of them that could log in. */
  readonly logins: readonly string[];
  readonly create: boolean;
};

/** @returns All roles that the server has then. @throws {@link OffsiteError} `ROLE_MISSING`. */
export async function provideRoles(run: Run, wanted: RolesWanted): Promise<ReadonlySet<string>> {
  const existing = new Set((await run('SELECT rolname FROM pg_roles')).map(([name = '']) => name));
  const lacks = (names: readonly string[]) => [...new Set(names)].filter((name) => !existing.has(name));
  const missing = lacks(wanted.create ? [...wanted.owners, ...wanted.named] : wanted.owners);
  if (missing.length === 0) return existing;
  const statements = missing.map(
    (name) => `CREATE ROLE ${quoteIdentifier(name)} ${wanted.logins.includes(name) ? 'LOGIN' : 'NOLOGIN'};`,
  );
  if (!wanted.create)
    throw new OffsiteError('ROLE_MISSING', 'the dump belongs to roles that this server does not have', {
      expected: 'every role that owns something in the dump',
      found: `no role ${missing.join(', ')}`,
      hint: `create it first: ${statements.join(' ')} or let the restore create it (--create-roles)`,
    });
  await run(statements.join('\n'));
  return new Set([...existing, ...missing]);
}

/** All that a dump names, grants and policies at its end too: read once for that, where no verdict says it. */
export async function rolesIn(dump: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const scanner = new DumpScanner();
  for await (const chunk of dump) scanner.push(chunk);
  return scanner.finish().roles;
}

/**
 * Leaves out what is granted to, or revoked from, roles that are not there.
 *
 * @param onMissing - Told of each such role, once.
 */
export function withoutGrants(existing: ReadonlySet<string>, onMissing: (role: string) => void): LeavesOut {
  const told = new Set<string>();
  return (tokens) => {
    const verb = tokens[0]?.toUpperCase();
    const isGrant = verb === 'GRANT' || verb === 'REVOKE';
    if (!isGrant && !(verb === 'ALTER' && tokens[1]?.toUpperCase() === 'DEFAULT')) return false;
    const contents = new DumpContents();
    contents.read(tokens, 0);
    const missing = contents
      .inventory()
      .roles.map(plainName)
      .filter((role) => !existing.has(role));
    for (const role of missing) {
      if (!told.has(role)) onMissing(role);
      told.add(role);
    }
    return missing.length > 0;
  };
}

/**
 * Leaves out the choice of a tablespace that this server has not, as pg_restore's --no-tablespaces does of all.
 *
 * @param warn - Told of each, once.
 */
export async function withoutTablespaces(run: Run, warn: (sentence: string) => void): Promise<LeavesOut> {
  const existing = new Set((await run('SELECT spcname FROM pg_tablespace')).map(([name = '']) => name));
  const told = new Set<string>();
  return (tokens) => {
    const cursor = new TokenCursor(tokens);
    const name = cursor.skip('SET', 'DEFAULT_TABLESPACE', '=') ? plainName(cursor.identifier()) : undefined;
    if (name === undefined || existing.has(name)) return false;
    if (!told.has(name))
      warn(
        `this server has no tablespace ${name}: what lay there is placed in the default one (make it first to keep it apart: CREATE TABLESPACE ${name} LOCATION '…')`,
      );
    told.add(name);
    return true;
  };
}
