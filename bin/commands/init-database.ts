// Of 'offsite init': which database it is.

import { findPostgres } from '../../lib/init/find-postgres.ts';
import type { PostgresContainer } from '../../lib/init/postgres-containers.ts';
import { faultOfSetting } from '../../lib/settings/config.ts';
import type { RawSettings } from '../../lib/settings/layers.ts';
import type { Asking } from './asking.ts';

/** Not names that Docker takes for containers. */
const keep = '(as it is)';
const another = '(another container)';
const server = '(a server)';

/**
 * @param before - How the dump is taken by now, as flags or the settings file say; `undefined` where neither does.
 * @param isGiven - By flags: then nothing is asked.
 */
export async function askDatabase(
  asking: Asking,
  before: unknown,
  isGiven: boolean,
  signal: AbortSignal,
): Promise<unknown> {
  if (isGiven) return before;
  const found = await findPostgres(signal);
  const choice = await asking.choose(
    {
      text: 'Where is the database?',
      flag: '--container NAME, --url URL or -- COMMAND',
      usual:
        before !== undefined ? keep : found.length === 1 ? found[0]?.name : found[0] ? undefined : server,
    },
    [
      ...(before === undefined ? [] : [{ value: keep, label: 'as the settings say now' }]),
      ...found.map(({ name, image, project }) => ({
        value: name,
        label: `container ${name}`,
        hint: project === undefined ? image : `${image}, of Compose project ${project}`,
      })),
      { value: another, label: found.length === 0 ? 'a container' : 'another container' },
      { value: server, label: 'a server, on this host or another' },
    ],
  );
  if (choice === keep) return before;
  if (choice === server) return askServer(asking);
  const chosen =
    choice === another ? await asking.text({ text: 'Its name?', flag: '--container NAME' }) : choice;
  return askInside(
    asking,
    chosen,
    found.find(({ name }) => name === chosen),
  );
}

async function askServer(asking: Asking): Promise<RawSettings> {
  const text = "Its address: postgres://user@host/database, or '-' for PGHOST …?";
  const url = await asking.text({ text, flag: '--url URL', usual: '-' }, (typed) =>
    typed === '-' || /^postgres(ql)?:\/\//.test(typed) ? undefined : 'it begins with postgres://',
  );
  return url === '-' ? { via: 'server' } : { via: 'server', url };
}

async function askInside(
  asking: Asking,
  container: string,
  { user: ofImage = 'postgres', database: made }: Partial<PostgresContainer> = {},
): Promise<RawSettings> {
  const dump = { via: 'container', container };
  const fault = (typed: string) => faultOfSetting('dump', { ...dump, user: typed });
  const user = await asking.text({ text: 'As which user?', flag: '--user', usual: ofImage }, fault);
  const database = await asking.text(
    { text: 'Which database?', flag: '--dbname', usual: made ?? user },
    fault,
  );
  return { ...dump, user, database };
}
