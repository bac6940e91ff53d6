// Writes without rest: one row into each of two tables in every transaction, so that whoever sees both sees as many. Says when
// the first of them are in, and goes on until it is killed.
import { DatabaseSync } from 'node:sqlite';

const database = new DatabaseSync(process.argv[2], { timeout: 60_000 });
database.exec(`PRAGMA journal_mode = ${process.argv[3] ?? 'WAL'}; PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS one (id INTEGER PRIMARY KEY, padding TEXT); CREATE TABLE IF NOT EXISTS two (id INTEGER PRIMARY KEY)`);
for (let count = 0; ; count += 1) {
  database.exec(
    `BEGIN IMMEDIATE; INSERT INTO one (padding) VALUES ('${'x'.repeat(2000)}'); INSERT INTO two DEFAULT VALUES; COMMIT`,
  );
  // Stays about as large as it is: a copy takes as long as the last.
  if (count % 100 === 99)
    database.exec(
      'BEGIN IMMEDIATE; DELETE FROM one WHERE id % 100 > 1; DELETE FROM two WHERE id % 100 > 1; COMMIT',
    );
  if (count === 200) process.stdout.write('writing\n');
}
