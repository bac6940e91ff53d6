// The CLI: arguments in, steps called, exit codes out.

import { endLeftovers } from '../lib/base/process.ts';
import { homeFolders } from '../lib/settings/home.ts';
import { heedRestoreCommand } from '../lib/wal/restore-command.ts';
import { interruption, runToEnd } from './commands/ending.ts';
import { runWords } from './commands/run-words.ts';

heedRestoreCommand(process.argv.slice(2));
// For psql and the SDK, too: they would look in the folder that somebody stands in.
process.env.HOME = homeFolders()[0];
// What a module will do otherwise one day (pg, of ~/.pgpass) is nothing that an operator could mend.
process.noDeprecation = true;
// A credential_process that hangs is a child of the SDK's, and holds nobody up.
process.on('exit', () => endLeftovers());
void runToEnd(() => runWords(process.argv.slice(2)), interruption).then(() => process.exit());
