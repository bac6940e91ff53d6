// What an operator types, of every command: the end of its --help and of its section in docs/reference.md.

export const examples: Readonly<Record<string, string>> = {
  init: `
  offsite init
  offsite init --yes --container bitagent-postgres --user bitmagnet`,
  doctor: `
  offsite doctor --container bitagent-postgres --user bitmagnet`,
  config: `
  offsite config                     # --schema: for an editor`,
  backup: `
  offsite backup --container bitagent-postgres --user bitmagnet
  offsite backup -- ssh db pg_dump bitmagnet
  offsite backup --before-upgrade 1.2.0 1.3.0`,
  install: `
  sudo -E offsite install --print    # shows all of it, and makes nothing
  sudo -E offsite install --at 04:30`,
  nightly: `
  offsite nightly --at 04:30`,
  uninstall: `
  sudo offsite uninstall`,
  import: `
  offsite import --dry-run bitagent-2026-*.sql.gz`,
  estimate: `
  offsite estimate --keep-days 30`,
  list: `
  offsite list --limit 7
  offsite list --json | jq -r '.[0].verdict'`,
  verify: `
  offsite verify latest
  offsite verify bitagent-2026-11-08-031500Z
  gunzip < dump.sql.gz | offsite verify -`,
  report: `
  offsite report --open              # a page; --all: of all sources`,
  'restore-test': `
  offsite restore-test latest --docker`,
  'alert-test': `
  offsite alert-test`,
  accept: `
  offsite accept bitagent-2026-11-08-031500Z --reason 'spam removed'`,
  undo: `
  offsite undo                       # what can be brought back, until when
  offsite undo bitagent-2026-11-08-031500Z`,
  recover: `
  offsite recover --dry-run`,
  restore: `
  offsite restore latest --beside --container bitagent-postgres
  offsite restore latest --container bitagent-postgres --stop bitagent`,
  fetch: `
  offsite fetch latest
  offsite fetch latest -o - | gunzip | psql bitmagnet`,
  kit: `
  offsite kit -o .`,
  sidecar: `
  offsite sidecar backup --path /var/lib/bitagent/bitagent-ui.db
  offsite sidecar list`,
  basebackup: `
  offsite basebackup --container bitagent-postgres`,
  wal: `
  offsite wal window`,
  guard: `
  offsite guard --check              # all that it needs; changes nothing
  offsite guard
  sudo -E offsite install --guard    # every hour`,
  expire: `
  offsite expire --dry-run           # what would go, and why the rest stays`,
  watch: `
  offsite watch`,
};
