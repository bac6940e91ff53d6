// Which of a host's containers a database may be in: the likeliest first.

import * as z from 'zod';

/** A container that runs a Postgres server. */
export type PostgresContainer = {
  readonly name: string;
  readonly image: string;
  /** Of its Compose project, where it has one. */
  readonly project?: string;
  readonly user: string;
  readonly database: string;
};

const inspectedSchema = z.array(
  z.object({
    Name: z.string(),
    Config: z.object({
      Image: z.string(),
      Env: z.array(z.string()).nullish(),
      Labels: z.record(z.string(), z.string()).nullish(),
    }),
  }),
);

/** BitAgent's own names, and those of what it was made from. */
const likely = /bitagent|bitmagnet/i;

/**
 * Picks the Postgres servers out of containers.
 *
 * @param inspected - As `docker container inspect` prints them.
 */
export function postgresAmong(inspected: unknown): PostgresContainer[] {
  const found = inspectedSchema.parse(inspected).flatMap(({ Name, Config }) => {
    const { Image, Env, Labels } = Config;
    const environment = new Map(
      (Env ?? []).map((line): [string, string] => {
        const [key = '', ...value] = line.split('=');
        return [key, value.join('=')];
      }),
    );
    // By its files too: an image of somebody's own may have any name. A client's (an exporter, a pooler) has no PGDATA.
    const isServer = environment.has('PGDATA') || /(^|\/)(postgres|postgis)(:|@|$)/.test(Image);
    if (!isServer) return [];
    const user = environment.get('POSTGRES_USER') || 'postgres';
    const project = Labels?.['com.docker.compose.project'];
    return [
      {
        name: Name.replace(/^\//, ''),
        image: Image,
        ...(project === undefined ? {} : { project }),
        user,
        database: environment.get('POSTGRES_DB') || user,
      },
    ];
  });
  const rank = ({ name, project = '', database }: PostgresContainer) =>
    likely.test(`${name} ${project} ${database}`) ? 0 : 1;
  return found.sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}
