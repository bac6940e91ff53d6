// Ends what was begun inside a container: docker exec passes no signal on, so the server is asked to end its session.

import type { Connection } from './connection.ts';
import { query, quoteLiteral } from './programs.ts';

/** Less than an interrupted program has left. */
const endSessionWithinMs = 3000;

/**
 * Ends a session by way of the server, also one that is only about to begin.
 *
 * @param database - To ask in, instead of the connection's own.
 * @returns Whether it is known to be gone.
 */
export async function endSession(
  connection: Connection,
  applicationName: string,
  database?: string,
): Promise<boolean> {
  const ours = `FROM pg_stat_activity WHERE application_name = ${quoteLiteral(applicationName)}`;
  const sql = `
    DO $$ BEGIN FOR look IN 1..15 LOOP
      PERFORM pg_terminate_backend(pid) ${ours};
      PERFORM pg_sleep(0.1);
      PERFORM pg_stat_clear_snapshot();
      EXIT WHEN look > 5 AND NOT EXISTS (SELECT ${ours});
    END LOOP; END $$;
    SELECT pid ${ours}`;
  try {
    const signal = AbortSignal.timeout(endSessionWithinMs);
    return (await query(connection, sql, { database, signal })).length === 0;
  } catch {
    return false;
  }
}
