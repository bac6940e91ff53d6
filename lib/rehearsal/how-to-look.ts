// What to type to look at a rehearsal that was told to keep running.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { guardFolder } from './chapters/guard.ts';
import type { Database, Stage } from './stage/stage.ts';

/**
 * Writes the files that spare the reader a password, and says how to use them.
 *
 * @returns Lines for a shell.
 */
export async function howToLook(
  stage: Stage,
  { source, server }: Database,
  hasCloud: boolean,
): Promise<string> {
  const { aws, directory, configFile, binDir } = stage;
  const { PGHOST = '', PGPORT = '', PGUSER = '', PGPASSWORD = '', PGDATABASE = '' } = source.env;
  const passFile = join(directory, 'pgpass');
  // The operator's role owns his database and may make no other.
  const { PGUSER: superuser = '', PGPASSWORD: superusersPassword = '' } = server.connection.env;
  const passwords = [`${PGUSER}:${PGPASSWORD}`, `${superuser}:${superusersPassword}`];
  await writeFile(passFile, passwords.map((one) => `${PGHOST}:${PGPORT}:*:${one}\n`).join(''), {
    mode: 0o600,
  });
  const settings = Object.entries({
    ...aws.env,
    PGHOST,
    PGPORT,
    PGUSER,
    PGDATABASE,
    PGPASSFILE: passFile,
    OFFSITE_CONFIG: configFile,
    XDG_STATE_HOME: directory,
  });
  const file = join(directory, 'look.sh');
  const lines = settings.map(([name, value]) => `export ${name}='${value}'\n`);
  await writeFile(file, [...lines, `export PATH='${binDir}':"$PATH"\n`].join(''), { mode: 0o600 });
  return [
    `. ${file}`,
    '',
    `aws s3 ls --recursive s3://${aws.bucket}/`,
    'bin/offsite backup',
    ...(hasCloud ? [] : [`bin/offsite guard --config ${guardFolder(stage)}/guard.json`]),
    'bin/offsite list',
    'bin/offsite report --open',
    `PGUSER=${superuser} bin/offsite restore latest --into back`,
    "psql -c 'SELECT count(*) FROM torrents'",
    hasCloud ? `curl -s ${aws.endpoint}/_fauxqs/queues/operator-mailbox` : `cat ${guardFolder(stage)}/mail-*`,
  ].join('\n');
}
