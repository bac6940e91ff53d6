// What to do about what a server or its client program said, by its words. Where the server speaks another language than English, none is known.

type Advice = readonly (readonly [words: RegExp, hint: string])[];

const ofRefusal: Advice = [
  [/is not permitted to log in/, 'let it log in (ALTER ROLE … LOGIN), or name another role'],
  [/password|authentication|pg_hba/, 'check user and password, and pg_hba.conf on the server'],
  [/database ".*" does not exist/, "check the database's name: psql -l lists them"],
  [
    /is not currently accepting connections/,
    'as a superuser, in another database: ALTER DATABASE … ALLOW_CONNECTIONS true',
  ],
  [/role ".*" does not exist/, 'check the user: \\du in psql lists the roles'],
  [
    /permission denied for database/,
    'GRANT CONNECT ON DATABASE … TO …, or use a role with more rights, e.g. the owner',
  ],
  [/permission denied|must be (owner|superuser)/, 'use a role with more rights, e.g. the owner'],
  [
    /too many (connections|clients)|connection slots/,
    'end sessions that nobody needs (SELECT * FROM pg_stat_activity), or let there be more: max_connections, or the limit of the role or database (ALTER … CONNECTION LIMIT)',
  ],
  [
    /during recovery/,
    'that server is a standby: name the primary (--url, PGHOST), or make this one it (SELECT pg_promote())',
  ],
  [
    /in a read-only transaction/,
    'that server is a standby (name the primary), or default_transaction_read_only is on: ALTER ROLE or ALTER DATABASE … RESET default_transaction_read_only',
  ],
];

const ofDump: Advice = [
  [
    /row-level security policy/,
    'such a table gives a role only some of its rows: dump as a superuser, as the owner of the table, or as a role with ALTER ROLE … BYPASSRLS',
  ],
  [
    /permission denied for large object/,
    'only an owner or a superuser may read all large objects: dump as one of them',
  ],
  [
    /permission denied for/,
    "let the role read everything (GRANT pg_read_all_data TO …), or dump as the database's owner",
  ],
  [
    /conflict with recovery/,
    'that server is a standby, and replay ended the dump: set hot_standby_feedback = on there, let max_standby_streaming_delay be longer than a dump, or dump from the primary',
  ],
  [
    /max_locks_per_transaction|out of shared memory/,
    'a dump locks every table at once: ALTER SYSTEM SET max_locks_per_transaction = 1024, restart the server, and run the same command again',
  ],
  [
    /No space left on device|Disk quota exceeded/,
    'a disk is full; where the words are the server’s, it is the one with its data or its temporary files: make room, and run the same command again',
  ],
  [
    /could not access file|could not load library/,
    'this server lacks the library of an extension that the database has: install it (the image of before had it), or DROP EXTENSION',
  ],
  [
    /has no equivalent in encoding/,
    "the client's encoding cannot say what the database holds: unset PGCLIENTENCODING, and ALTER ROLE … RESET client_encoding",
  ],
  [
    /invalid page in block|page verification failed|could not read blocks? |read only \d+ of \d+ bytes|(missing|unexpected) chunk|compressed \w+ data is corrupt|could not access status of transaction|could not open file "(base|global|pg_\w+)\/|invalid byte sequence for encoding/,
    "the server's own files are damaged: copy its whole data folder before anything else, look at its disk (dmesg, smartctl), and bring the newest intact archive ('offsite list') back beside it: 'offsite restore ARCHIVE --beside'",
  ],
  [
    /cache lookup failed|could not open relation with OID|relation ".*" does not exist/,
    'something was dropped or made anew while pg_dump read it, as an upgrade does: run the same command again; if it stays, the catalogue is damaged, and the log of the server says more',
  ],
  [
    /canceling statement due to user request|terminating connection due to administrator command|server closed the connection|the database system is|connection to server was lost|could not receive data/,
    "somebody ended the dump, or the server went away under it: see whether it runs, and why it ended ('out of memory' in dmesg, its own log), then run the same command again",
  ],
];

/** What to do about a server's refusal. */
export function refusalHint(stderr: string): string {
  return (
    hintOf(ofRefusal, stderr) ??
    'its log may say more (docker logs, or /var/log/postgresql): mend what it says, and run the same command again'
  );
}

/** What to do about a dump that failed. */
export function dumpHint(stderr: string): string {
  return (
    hintOf(ofDump, stderr) ??
    "what was found is the program's own word; the server's log may say more (docker logs CONTAINER, journalctl -u postgresql)"
  );
}

function hintOf(advice: Advice, stderr: string): string | undefined {
  return advice.find(([words]) => words.test(stderr))?.[1];
}
