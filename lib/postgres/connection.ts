// Where a database is. Everything that says where and who is kept as libpq's environment: a URL or a password on a
// command line would show in `ps`.

import { OffsiteError } from '../base/errors.ts';
import { shellWord } from '../base/shell-word.ts';

/** Where a database is and how to get there. */
export type Connection =
  | {
      readonly via: 'server';
      /** libpq's environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE … */
      readonly env: Readonly<Record<string, string>>;
      /** What libpq's environment has no name for, `keepalives_idle` and the like; holds no secret. */
      readonly parameters?: Readonly<Record<string, string>>;
    }
  | {
      readonly via: 'container';
      readonly container: string;
      readonly user?: string | undefined;
      readonly password?: string | undefined;
      readonly database?: string | undefined;
    };

/** Connection parameters that libpq also reads from its environment, as a rule under their own name: `sslmode`, PGSSLMODE. */
const ofEnvironment = new Set([
  ...['host', 'hostaddr', 'port', 'dbname', 'user', 'password', 'passfile', 'require_auth', 'service'],
  ...['channel_binding', 'options', 'application_name', 'connect_timeout', 'client_encoding', 'requirepeer'],
  ...['sslmode', 'sslnegotiation', 'sslcompression', 'sslcert', 'sslkey', 'sslcertmode', 'sslrootcert'],
  ...['sslcrl', 'sslcrldir', 'sslsni', 'ssl_min_protocol_version', 'ssl_max_protocol_version', 'gssencmode'],
  ...['krbsrvname', 'gsslib', 'gssdelegation', 'target_session_attrs', 'load_balance_hosts'],
]);
const ofAnotherName: Readonly<Record<string, string>> = {
  dbname: 'PGDATABASE',
  application_name: 'PGAPPNAME',
  connect_timeout: 'PGCONNECT_TIMEOUT',
};

/** Those that it only takes with the connection itself. No secret may be among them. */
const otherParameters = [
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
  'fallback_application_name',
];

const urlPattern =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<hosts>[^/?#@]*)(?:\/(?<database>[^?#]*))?(?:\?(?<parameters>[^#]*))?$/;

const hostPattern = /^(?<host>\[[^\]]+\]|[^:[\]]*)(?::(?<port>\d*))?$/;

/**
 * Reads a `postgres://` or `postgresql://` URL as libpq does.
 *
 * @param url - With user, password, one or more hosts, database and parameters, each where wanted; a unix socket's
 *   directory as `?host=/run/postgresql` or percent-encoded in the place of the host.
 * @param ambient - An environment, whose PG* variables say what the URL leaves open.
 * @throws `OffsiteError` `CONFIG_INVALID` if it is not such a URL; the message never repeats the URL.
 * @see https://www.postgresql.org/docs/16/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 * @see https://www.postgresql.org/docs/16/libpq-envars.html
 */
export function connectionFromUrl(
  url: string,
  ambient: Readonly<Record<string, string | undefined>> = {},
): Connection {
  const parts = urlPattern.exec(url)?.groups;
  if (parts === undefined)
    throw invalid('another form (what was given is not repeated: it may hold a password)');
  const env: Record<string, string> = libpqOf(ambient);
  const set = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== '') env[name] = decode(value);
  };
  set('PGUSER', parts.user);
  set('PGPASSWORD', parts.password);
  set('PGDATABASE', parts.database);
  if (parts.hosts) {
    const hosts = parts.hosts.split(',').map(readHost);
    set('PGHOST', hosts.map(({ host }) => host).join(','));
    if (hosts.some(({ port }) => port !== '')) set('PGPORT', hosts.map(({ port }) => port).join(','));
  }
  const others: Record<string, string> = {};
  for (const parameter of (parts.parameters ?? '').split('&').filter((text) => text !== '')) {
    const [name = '', value = ''] = splitOnce(parameter, '=').map(decode);
    if (otherParameters.includes(name)) others[name] = value;
    else Object.assign(env, readParameter(name, value));
  }
  // What a service says goes over the environment, and what the URL says over the service.
  if (env.PGSERVICE !== undefined && parts.database) others.dbname = decode(parts.database);
  return { via: 'server', env, ...(Object.keys(others).length > 0 && { parameters: others }) };
}

/** Takes the connection that the PG* variables of an environment describe. */
export function connectionFromEnvironment(env: Readonly<Record<string, string | undefined>>): Connection {
  return { via: 'server', env: libpqOf(env) };
}

/** One that is empty says nothing, as Compose and systemd hand on what nobody has set. */
function libpqOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const own = Object.entries(env).filter(
    (entry): entry is [string, string] => isLibpqName(entry[0]) && (entry[1] ?? '') !== '',
  );
  return Object.fromEntries(own);
}

/** Where a connection leads, for a person; holds no secret. */
export function describeConnection(connection: Connection, database?: string): string {
  if (connection.via === 'container') {
    const name = database ?? connection.database ?? connection.user ?? 'the default database';
    return `${name} in container ${connection.container} as ${connection.user ?? 'the default user'}`;
  }
  const {
    PGHOST = 'the local socket',
    PGPORT = '5432',
    PGUSER = 'the current user',
    PGDATABASE,
    PGSERVICE,
  } = connection.env;
  if (PGSERVICE !== undefined)
    return `${database ?? connection.parameters?.dbname ?? 'the database'} of service ${PGSERVICE}`;
  return `${database ?? PGDATABASE ?? PGUSER} at ${PGHOST}:${PGPORT} as ${PGUSER}`;
}

/** The line that has psql run something there, for a person to paste; who needs a password knows it. */
export function psqlLine(connection: Connection, database: string, sql: string): string {
  const { PGHOST, PGPORT, PGUSER, PGSERVICE } = connection.via === 'server' ? connection.env : {};
  const inside = connection.via === 'container' ? connection : undefined;
  // As libpq tells a connection string from a name.
  const isName = PGSERVICE === undefined && !/=|^postgres(?:ql)?:\/\//.test(database);
  const where = isName ? database : conninfo({ ...(PGSERVICE && { service: PGSERVICE }), dbname: database });
  const given = { '-h': PGHOST, '-p': PGPORT, '-U': inside?.user ?? PGUSER, '-d': where, '-c': sql };
  const flags = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  const words = [...(inside ? ['docker', 'exec', inside.container] : []), 'psql', ...flags];
  return words.map(shellWord).join(' ');
}

/** As libpq reads it in the place of a database's name. */
export function conninfo(parameters: Readonly<Record<string, string>>): string {
  const words = Object.entries(parameters).map(
    ([name, value]) => `${name}='${value.replace(/['\\]/g, '\\$&')}'`,
  );
  return words.join(' ');
}

/** The database that it names itself. */
export function ownDatabase(connection: Connection): string | undefined {
  return connection.via === 'server' ? connection.env.PGDATABASE : connection.database;
}

/** Whether a variable of the environment is one that libpq reads. */
export function isLibpqName(name: string): boolean {
  return /^PG[A-Z_]+$/.test(name);
}

function readHost(text: string): { host: string; port: string } {
  const { host = '', port = '' } = hostPattern.exec(text)?.groups ?? {};
  if (text !== '' && host === '' && port === '') throw invalid('a host that is not of the form host:port');
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

function readParameter(name: string, value: string): Record<string, string> {
  // JDBC's spelling, which libpq takes too.
  if (name === 'ssl' && value === 'true') return { PGSSLMODE: 'require' };
  if (!ofEnvironment.has(name)) throw invalid(`the parameter '${name}', which is none that can be used here`);
  return { [ofAnotherName[name] ?? `PG${name.replaceAll('_', '').toUpperCase()}`]: value };
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('a % that is not followed by two hex digits');
  }
}

function invalid(found: string): OffsiteError {
  return new OffsiteError('CONFIG_INVALID', 'the database URL cannot be read', {
    expected: 'postgres://user:password@host:port/database?sslmode=require',
    found,
    hint: 'percent-encode special characters in the password: @ is %40, / is %2F, : is %3A, # is %23, ? is %3F, % is %25',
  });
}
