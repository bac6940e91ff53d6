// Tablespaces are the server's, and no dump makes them: what lay in one that is not here is placed where a new table lies.

import { TokenCursor } from '../sql/token-cursor.ts';
import { plainName } from './dump-head.ts';
import type { LeavesOut } from './plan.ts';
import type { Run } from './server.ts';

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
