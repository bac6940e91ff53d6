// A statement of a dump and where it stands there: whatever goes wrong with it is told with its line.

import { explainStatement } from './errors.ts';
import type { Session } from './session.ts';

export type Located = { readonly sql: Buffer; readonly line: number };

/** Runs a statement. @throws `StatementError` if the server refuses it. */
export async function runLocated(session: Session, { sql, line }: Located): Promise<void> {
  await session.run(sql).catch((error: unknown) => {
    throw explainStatement(error, line, textOf(sql));
  });
}

/** As much of a statement as is ever shown. */
export function textOf(sql: Buffer): string {
  return sql.toString('utf8', 0, 1000);
}
