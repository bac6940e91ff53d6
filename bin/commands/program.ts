// All commands, in the order in which an operator comes to need them.

import './nightly-commands.ts';
import './vault-commands.ts';
import './recovery-commands.ts';
import './sidecar-commands.ts';
import './wal-commands.ts';
import './guard-commands.ts';
import { addVaultFlags, program } from './command.ts';

addVaultFlags();

export { program };
