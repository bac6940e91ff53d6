// load-subject: the archive that is tested, loaded by several sessions. Where what the server refused may come from that,
// it is loaded once more into a sandbox made anew, in the dump's own order and in its source's own locale: only then is the
// archive blamed.

import type { SourceDatabase } from '../archive/source-database.ts';
import { OffsiteError } from '../base/errors.ts';
import { plural } from '../base/quantities.ts';
import type { ServerConnection } from '../postgres/session.ts';
import { StatementError } from '../postgres/statement-error.ts';
import { usualSessions } from '../restore/load.ts';
import { localeMayExplain, orderMayExplain } from '../restore/load-order.ts';
import { describeMaking } from '../restore/new-database.ts';
import type { Findings, Stages, Subject } from './findings.ts';
import { database, type LoadOptions, loadArchive } from './load.ts';
import { makeSandbox, type Sandbox } from './sandbox.ts';

export type LoadSubjectOptions = LoadOptions & {
  /** That load and make indexes at the same time; by default one for each core. */
  readonly sessions?: number | undefined;
};

type Loaded = {
  readonly sandbox: Sandbox;
  /** Whether the dump ended with pg_dump's end marker. */
  readonly ended: boolean;
};

/**
 * Loads the archive, and takes down how.
 *
 * @param connection - As the superuser of a server that is thrown away.
 * @throws What {@link loadArchive} throws, of the load in order where there were two; or that the archive's bytes are others.
 */
export async function loadSubject(
  connection: ServerConnection,
  subject: Subject,
  { findings, stages }: { findings: Findings; stages: Stages },
  options: LoadSubjectOptions,
): Promise<Loaded> {
  const { now, log = () => {} } = options;
  const sessions = options.sessions ?? usualSessions();
  const began = now();
  const recoveryMs = () => now().getTime() - began.getTime();
  const { inventory } = subject.verdict;
  const attempt = async (sandbox: Sandbox, by: number): Promise<Loaded> => {
    try {
      const loading = { sandbox, sessions: by, findings, stages };
      return { sandbox, ended: await loadArchive(subject, loading, options) };
    } finally {
      findings.skipped = sandbox.omissions.all;
    }
  };
  const sandbox = await makeSandbox({ connection, database, inventory });
  const making = subject.manifest.database;
  try {
    const loaded = await attempt(sandbox, sessions);
    findings.restoration = { way: 'parallel', sessions, recoveryMs: recoveryMs() };
    return loaded;
  } catch (error) {
    const inOrder = sessions > 1 && orderMayExplain(error);
    if (rowsNeedSuperuser(error) && !inOrder) throw superuserNeeded(error);
    if (!inOrder && !(making !== undefined && localeMayExplain(error))) throw error;
    log(
      `restore-test: by ${sessions} sessions: ${(error as OffsiteError).found}; once more, in its own order`,
    );
  }
  await sandbox.remove();
  const again = await makeSandbox({ connection, database, inventory, making });
  let because = `${plural(sessions, 'session')} failed, and so did it`;
  try {
    const loaded = await attempt(again, 1);
    because = `its rows depend on each other${orOnLocale(making, again)}, and ${plural(sessions, 'session')} at the same time were refused`;
    return loaded;
  } catch (error) {
    if (rowsNeedSuperuser(error)) throw superuserNeeded(error);
    throw making !== undefined && again.instead !== undefined && localeMayExplain(error)
      ? localeMissing(error as OffsiteError, making, again.instead)
      : error;
  } finally {
    findings.restoration = { way: 'one session', because, sessions: 1, recoveryMs: recoveryMs() };
  }
}

/** What a check or generated column calls for each row may do what only a superuser may. */
function rowsNeedSuperuser(error: unknown): error is StatementError {
  if (!(error instanceof StatementError)) return false;
  return /^COPY\b/i.test(error.statement ?? '') && (error.cause as { code?: string }).code === '42501';
}

function superuserNeeded(error: StatementError): OffsiteError {
  return new OffsiteError('SUPERUSER_NEEDED', 'rows of the archive call what only a superuser may do', {
    expected: 'rows that the role of the throw-away server may load; it has no rights beyond the dump’s own',
    found: error.found,
    hint: 'nothing is said against the archive by that: restore it as a superuser beside the live database to see (offsite restore ID --into NAME), or take such calls out of checks and generated columns',
    cause: error,
  });
}

function orOnLocale(making: SourceDatabase | undefined, { instead }: Sandbox): string {
  if (making === undefined) return '';
  return ` or on ${describeMaking(making)}${instead === undefined ? '' : ` (made here with ${instead})`}`;
}

function localeMissing({ found }: OffsiteError, making: SourceDatabase, instead: string): OffsiteError {
  return new OffsiteError('LOCALE_MISSING', 'the throw-away server lacks the locale of the database', {
    expected: `${describeMaking(making)}, by which text of the dump is sorted and compared`,
    found: `${instead}; and with that, ${found}`,
    hint: 'install it where the test runs (Debian: apt-get install locales-all; in the cloud: bin/restore-test.Dockerfile), and test again',
  });
}
