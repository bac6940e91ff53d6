// The CLI: arguments in, steps called, exit codes out.

import { homeFolders } from '../lib/settings/home.ts';
import { interruption, runToEnd } from './commands/ending.ts';
import { program } from './commands/program.ts';

// For psql and the SDK, too: they would look in the folder that somebody stands in.
process.env.HOME = homeFolders()[0];
// Whatever still runs is left: a credential_process that hangs is a child of the SDK's.
void runToEnd(() => program.parseAsync(), interruption).then(() => process.exit());
